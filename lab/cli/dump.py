"""``lab dump``: a diagnosis of a process that never heard of the lab."""

from __future__ import annotations

import msgspec

from lab import moment
from lab.cli import consoles
from lab.errors import ExitCode, UsageError
from lab.report.moment import print_dump


def dump_process(pid: int, *, again: int, interval_s: float, native: bool, as_json: bool) -> int:
    """Print what the tree of ``pid`` is doing, for a person or as one JSON object."""
    if not interval_s > 0:
        raise UsageError(f"--interval {interval_s:g}", wanted="more than 0 seconds")
    found = moment.look(pid, again=again, interval_s=interval_s, native=native)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print_dump(found, consoles.results())
    return int(ExitCode.EXPECTED)
