"""The checks of ``lab doctor`` as data: what is tried, what a failure means, and what mends it.

The trying is done in :mod:`lab.probes`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from lab import probes
from lab.probes import ProbeError, Seen, Status


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw, what that means for the user, and the command that mends it."""

    name: str
    status: Status
    seen: str
    means: str
    mend: str


@dataclass(frozen=True, slots=True)
class Check:
    """A probe, and what it means when it does not succeed, which is ``worst``."""

    name: str
    probe: Callable[[], Seen]
    means: str
    mend: str
    worst: Status = Status.FAIL


def examine(*, browser: bool = False) -> tuple[Finding, ...]:
    """Return what every check found, in the order in which they build on each other.

    With ``browser`` also whether a chromium can draw a page. Nothing is raised: a probe that
    itself goes wrong is a finding.
    """
    wanted = (*CHECKS, BROWSER_CHECK) if browser else CHECKS
    return tuple(_find(check) for check in wanted)


def _find(check: Check) -> Finding:
    try:
        seen = check.probe()
    except subprocess.TimeoutExpired as error:
        seen = Seen(check.worst, f"no answer within {error.timeout:g} s")
    except Exception as error:  # noqa: BLE001 - a doctor that dies of a symptom is of no use
        kind = "" if isinstance(error, ProbeError) else f"{type(error).__name__}: "
        seen = Seen(check.worst, f"{kind}{error}")
    mend = "" if seen.status is Status.OK else seen.mend or check.mend
    return Finding(check.name, seen.status, seen.text, check.means, mend)


_PIP = f"{sys.executable} -m pip install"

CHECKS: tuple[Check, ...] = (
    Check(
        "Python",
        probes.python,
        means="The lab reads CPython's own structures and needs 3.12 or newer.",
        mend="install CPython 3.12 or newer, for example: uv python install 3.13",
    ),
    Check(
        "operating system",
        probes.system,
        means="Watching, proving and cleaning up are done through Linux's /proc.",
        mend="mount /proc: mount -t proc proc /proc",
    ),
    Check(
        "ptrace permission",
        probes.ptrace,
        means="Without it no stack can be read and no deadlock can be proved.",
        mend="sudo sysctl kernel.yama.ptrace_scope=1",
    ),
    Check(
        "subreaper",
        probes.subreaper,
        means="Without it a target's orphans could outlive a run.",
        mend="use Linux 3.4 or newer, and a container runtime that allows prctl",
    ),
    Check(
        "shared semaphores",
        probes.semaphores,
        means="Without them no process variant can run: multiprocessing's locks live there.",
        mend="mount /dev/shm: mount -t tmpfs shm /dev/shm",
    ),
    Check(
        "py-spy",
        probes.py_spy,
        means="Without it there are no stacks, and so no diagnosis.",
        mend=f"{_PIP} 'py-spy>=0.4'",
    ),
    Check(
        "pystack",
        probes.pystack,
        means="Free-threaded interpreters can be read by pystack only.",
        mend=f"{_PIP} 'pystack>=1.5'",
    ),
    Check(
        "memray",
        probes.memray,
        means="Without it heaps are measured by tracemalloc: slower, and without flame graphs.",
        mend=f"{_PIP} 'memray>=1.15'",
        worst=Status.WARN,
    ),
    Check(
        "memory footprint",
        probes.rollup,
        means="Without PSS, memory shared by several processes is counted once for each.",
        mend="use Linux 4.14 or newer with CONFIG_PROC_PAGE_MONITOR",
        worst=Status.WARN,
    ),
    Check(
        "output directory",
        probes.output,
        means="A run is recorded there; nothing is started that cannot be recorded.",
        mend="give another one: lab run NAME --output DIR",
    ),
    Check(
        "terminal",
        probes.terminal,
        means="Only the looks of the output depend on it.",
        mend="PYTHONUTF8=1 lab ...",
        worst=Status.WARN,
    ),
)

BROWSER_CHECK = Check(
    "chromium",
    probes.browser,
    means="Only the tests of the report need it; any browser opens the report itself.",
    mend="apt-get install chromium",
    worst=Status.WARN,
)
