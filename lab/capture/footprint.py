"""What processes hold in memory, read from the kernel: the half that no heap profiler can see.

Resident sizes (RSS) of several processes must not be added up: every page that they share would be
counted once for each. So the proportional set size (PSS: a page shared by n counts 1/n in each) is
the headline, and the unique set size (USS: what would be freed if this process alone ended) stands
beside it. Both come from ``smaps_rollup``; see proc_pid_smaps(5). Elsewhere psutil gives what the
system has.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lab import procfs
from lab.capture.labels import HELPERS, helper_of
from lab.model import Footprint, FootprintSample
from lab.scenario import Workers

_NO_LABELS: Mapping[int, str] = MappingProxyType({})
_PRIVATE = ("Private_Clean", "Private_Dirty", "Private_Hugetlb")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class _Memory:
    """Bytes; ``None`` where the kernel would not say."""

    rss: int
    pss: int | None
    uss: int | None


def sample(
    pids: Iterable[int], *, at_s: float, labels: Mapping[int, str] = _NO_LABELS
) -> tuple[FootprintSample, ...]:
    """Return the memory and handles of each of ``pids``, all under the time ``at_s`` (seconds).

    ``labels`` names processes by pid. A process that has ended, a zombie included, is left out.
    What may not be read of a live one (PSS, USS and descriptors of another user's) is ``None``.
    Raises nothing. Source: proc_pid_smaps(5), proc_pid_statm(5), proc_pid_fd(5); psutil elsewhere.
    """
    read = _of_procfs if procfs.AVAILABLE else _of_psutil
    found = (read(pid, at_s, labels.get(pid, "")) for pid in pids)
    return tuple(one for one in found if one is not None)


def summarise(
    samples: Sequence[FootprintSample], *, baseline_s: float, loaded_s: float, workers: int
) -> Footprint:
    """Return the totals of the tree at two moments, and what each of ``workers`` added.

    ``baseline_s`` and ``loaded_s`` are the ``at_s`` of two of the sampled moments. A total is
    ``None`` when its moment was not sampled, or when any process then hid its figure: a sum of
    what could be read would be too low without saying so. Added figures are whole bytes a worker,
    negative when the tree shrank, and ``None`` without workers or without a second moment.

    USS counts what each process of the second moment has for itself beyond what it had before. A
    process that lost some is counted as 0: after a fork, pages that were the parent's own are
    shared with its children, and no worker gave anything back.
    """
    before = [one for one in samples if one.at_s == baseline_s]
    after = [one for one in samples if one.at_s == loaded_s != baseline_s]
    return Footprint(
        samples=tuple(samples),
        baseline_pss_bytes=_total([one.pss_bytes for one in before]),
        loaded_pss_bytes=_total([one.pss_bytes for one in after]),
        workers=workers,
        added_pss_bytes=_added(before, after, "pss_bytes", workers),
        added_uss_bytes=_own(before, after, workers),
        added_rss_bytes=_added(before, after, "rss_bytes", workers),
    )


def count_workers(
    samples: Sequence[FootprintSample], *, baseline_s: float, loaded_s: float, kind: Workers
) -> int:
    """Return how many workers the second moment has that the first had not.

    Threads are counted in the processes that were there before, and processes without the helpers
    of ``multiprocessing``, which are there once for all the workers.
    """
    before = {one.pid: one for one in samples if one.at_s == baseline_s}
    after = [one for one in samples if one.at_s == loaded_s != baseline_s]
    if kind is Workers.PROCESSES:
        return sum(one.pid not in before and one.label not in HELPERS for one in after)
    mine = [one for one in after if one.pid in before]
    return max(0, sum(one.threads - before[one.pid].threads for one in mine))


def _added(
    before: Sequence[FootprintSample], after: Sequence[FootprintSample], field: str, workers: int
) -> int | None:
    low = _total([getattr(one, field) for one in before])
    high = _total([getattr(one, field) for one in after])
    if low is None or high is None or workers < 1:
        return None
    return round((high - low) / workers)


def _own(
    before: Sequence[FootprintSample], after: Sequence[FootprintSample], workers: int
) -> int | None:
    if _added(before, after, "uss_bytes", workers) is None:
        return None
    had = {one.pid: one.uss_bytes or 0 for one in before}
    return round(sum(max(0, (one.uss_bytes or 0) - had.get(one.pid, 0)) for one in after) / workers)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _of_procfs(pid: int, at_s: float, label: str) -> FootprintSample | None:
    memory = _memory(pid)
    # Read last: a process that was ending while its memory was read is left out, not recorded
    # with half of its figures.
    stat = procfs.stat(pid)
    if memory is None or stat is None or stat.state in "ZX":
        return None
    return FootprintSample(
        at_s=at_s,
        pid=pid,
        label=label or _helper(pid, stat.ppid) or stat.comm,
        rss_bytes=memory.rss,
        pss_bytes=memory.pss,
        uss_bytes=memory.uss,
        threads=stat.threads,
        fds=_count_descriptors(pid),
    )


def _helper(pid: int, parent: int) -> str:
    """Name a helper process; what a fork server has forked has its command line, and is none."""
    name = helper_of(_command(pid))
    return "" if name and name == helper_of(_command(parent)) else name


def _command(pid: int) -> list[str]:
    return (procfs.read(f"/proc/{pid}/cmdline") or b"").decode(errors="replace").split("\0")


def _memory(pid: int) -> _Memory | None:
    rollup = _rollup(pid)
    if rollup:
        return _Memory(
            rss=rollup.get("Rss", 0),
            pss=rollup.get("Pss"),
            uss=sum(rollup.get(name, 0) for name in _PRIVATE),
        )
    statm = procfs.read(f"/proc/{pid}/statm")
    return _Memory(int(statm.split()[1]) * _PAGE, None, None) if statm else None


def _rollup(pid: int) -> dict[str, int]:
    """Return ``smaps_rollup`` in bytes; empty when it may not be read or the process is gone."""
    lines = (procfs.read(f"/proc/{pid}/smaps_rollup") or b"").decode().splitlines()
    fields = (line.split() for line in lines[1:])
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if len(words) == 3}


def _count_descriptors(pid: int) -> int | None:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def _of_psutil(pid: int, at_s: float, label: str) -> FootprintSample | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return FootprintSample(
                at_s=at_s,
                pid=pid,
                label=label or process.name(),
                rss_bytes=process.memory_info().rss,
                **_psutil_full(process),
                threads=process.num_threads(),
                fds=_psutil_descriptors(process),
            )
    except psutil.Error:
        return None


def _psutil_full(process: object) -> dict[str, int | None]:
    """Return PSS and USS where the system offers them; macOS has USS only."""
    import psutil

    try:
        full = process.memory_full_info()  # type: ignore[attr-defined]
    except (psutil.Error, AttributeError):
        return {"pss_bytes": None, "uss_bytes": None}
    return {"pss_bytes": getattr(full, "pss", None), "uss_bytes": getattr(full, "uss", None)}


def _psutil_descriptors(process: object) -> int | None:
    import psutil

    try:
        count: int = process.num_fds()  # type: ignore[attr-defined]
    except (psutil.Error, AttributeError):
        return None
    return count
