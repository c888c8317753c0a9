"""Whether, and how, the processes of a target must allow to be looked at.

Where Yama restricts ptrace(2) to ancestors (``ptrace_scope`` 1), the lab may look at its target,
but py-spy and pystack, which are siblings of the target, may not, unless each process of it
agrees: prctl(2), PR_SET_PTRACER. The shim does so for the root. As it is not inherited by fork,
the ``sitecustomize`` in this directory does it for every Python descendant, by way of PYTHONPATH.
It changes nothing else, and hands over to the user's own ``sitecustomize``. Interpreters that are
started with -I, -E or -S do not see it and stay closed to the siblings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"


def is_needed() -> bool:
    """Say whether descendants have to agree before a sibling may read their stacks."""
    try:
        with open(_SCOPE, encoding="ascii") as file:  # noqa: PTH123 - starts without pathlib
            return file.read().strip() == "1" and os.geteuid() != 0
    except OSError:
        return False


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return ``env`` with this directory first among those that Python imports from."""
    paths = [os.path.dirname(__file__), env.get("PYTHONPATH", "")]  # noqa: PTH120
    return {**env, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
