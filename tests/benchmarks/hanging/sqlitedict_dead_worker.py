"""The database cannot be opened: the worker thread dies, and the caller waits for its answer."""

import tempfile

from sqlitedict import SqliteDict

REQUIRES = "sqlitedict==1.7.0"
REPORT = "piskvorky/sqlitedict#90, mended by #107"
CAUSES = {"unsatisfied-wait"}
WAITS = {"main": None}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print("ready", flush=True)
        SqliteDict(folder, autocommit=True)
