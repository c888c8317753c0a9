"""A lab in a process of its own, to be ended by a signal: supervises a hostile tree and waits.

Arguments: the name of the tree, and a directory. Writes the keeper's pid to ``keeper`` there.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lab.supervise import Supervisor
from tests.integration.supervise.trees import HOSTILE, launch


def main() -> None:
    name, directory = sys.argv[1], Path(sys.argv[2])
    source = 'os.write(1, b"said before")\n' + HOSTILE[name].source
    with Supervisor(launch(source, directory)) as target:
        (directory / "temporary").write_text(target._temporary)
        (directory / "keeper").write_text(str(target.shim_pid))
        while True:
            time.sleep(1000)


if __name__ == "__main__":
    main()
