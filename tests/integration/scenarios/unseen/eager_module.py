"""Imported by ``imported_file``: starts a thread in its body, if it is told to."""

import os
import threading


def use() -> None:
    import eager_module

    assert eager_module.__name__


if os.environ.get("EAGER"):
    reader = threading.Thread(target=use, name="reader")
    reader.start()
    reader.join()
