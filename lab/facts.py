"""What an interpreter says of itself. Also executed by path on interpreters that lack the lab."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import platform
import sys
import sysconfig
from typing import Any


def facts() -> dict[str, Any]:
    """Return the facts about the interpreter that runs this, as JSON has them."""
    return {
        "version": list(sys.version_info[:2]),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "start_method": multiprocessing.get_start_method(),
        "memray": importlib.util.find_spec("memray") is not None,
        "executable": sys.executable,
    }


if __name__ == "__main__":
    print(json.dumps(facts()))
