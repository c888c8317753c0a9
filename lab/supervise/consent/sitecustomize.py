"""Lets a tracer that is no ancestor read this process's stacks, and every forked child's.

Imported by ``site`` at the start of each Python process of a target, only where the package
:mod:`lab.supervise.consent` says that it is needed. It ends by running the ``sitecustomize`` that
would have been found without it. Where the kernel knows no Yama the call fails, which is harmless.
"""

import ctypes
import importlib.machinery
import importlib.util
import os
import sys

_PR_SET_PTRACER = 0x59616D61
_ANY = ctypes.c_ulong(-1)
_libc = ctypes.CDLL(None)


def allow() -> None:
    """Agree to be traced by any process of the same user; see prctl(2), PR_SET_PTRACER."""
    _libc.prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)


def hand_over() -> None:
    """Take this directory off the path, and run the user's own module in this one's place."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not light
    sys.path[:] = [entry for entry in sys.path if entry != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


allow()
os.register_at_fork(after_in_child=allow)
hand_over()
