"""Two lock objects on one file in one thread: the second polls for what the first holds."""

import tempfile
from pathlib import Path

from filelock import FileLock

REQUIRES = "filelock==3.12.2"
REPORT = "tox-dev/filelock#315"
CAUSES = {"self-deadlock", "unknown", "none"}
WAITS = {"main": "main"}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "only.lock"
        with FileLock(path):
            print("ready", flush=True)
            with FileLock(path):
                pass
