"""Reads or draws one memray capture, in a process of its own.

``python heapfile.py figures CAPTURE SECONDS`` and ``... flamegraph CAPTURE SECONDS PAGE``.

memray's reader is native code that trusts its file. One that was cut off or damaged may end the
process or keep it busy for ever, so the lab never reads one in itself; :mod:`lab.capture.heap`
starts this file by its path and sets the deadline. The limits in here hold even when the lab is
killed meanwhile. Standard library and memray only.

The figures are one JSON object on stdout: ``peak`` (bytes), ``allocations``, ``largest``
(``[[line, bytes], ...]``) and ``threads`` (name, peak, largest: each thread's share at the moment
of the process's peak). What cannot be read is said in ``error``.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import resource
import sys
import types
from typing import Any

MEMORY_LIMIT_BYTES = 4 << 30
"""A damaged length field must not make the reader take the machine's memory."""
LARGEST = 10


def main(action: str, capture: str, seconds: str, *page: str) -> int:
    """Print the figures of ``capture``, or draw it, and return the exit status."""
    _limit_resources(int(seconds))
    try:
        answer = figures(capture) if action == "figures" else draw(capture, *page)
    except Exception as error:  # noqa: BLE001 - the parent is told, whatever it is
        answer = {"error": f"{type(error).__name__}: {error}"}
    print("\n" + json.dumps(answer))
    return 1 if "error" in answer else 0


def _limit_resources(seconds: int) -> None:
    """Limit memory and CPU seconds, and leave no core file; see setrlimit(2)."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: MEMORY_LIMIT_BYTES,
        resource.RLIMIT_CPU: seconds,
    }
    for which, limit in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (limit, limit))


def figures(capture: str) -> dict[str, Any]:
    """Return the figures of one capture. Raises what memray raises."""
    import memray

    whole: collections.Counter[str] = collections.Counter()
    threads: dict[tuple[int, str], collections.Counter[str]] = {}
    with memray.FileReader(capture) as reader:
        for record in reader.get_high_watermark_allocation_records(merge_threads=False):
            line = _line(record)
            whole[line] += record.size
            lines = threads.setdefault((record.tid, _thread(record)), collections.Counter())
            lines[line] += record.size
        metadata = reader.metadata
    return {
        "peak": metadata.peak_memory,
        "allocations": metadata.total_allocations,
        "largest": whole.most_common(LARGEST),
        "threads": [
            {"name": name, "peak": lines.total(), "largest": lines.most_common(LARGEST)}
            for (_, name), lines in sorted(threads.items())
        ],
    }


def draw(capture: str, page: str) -> dict[str, Any]:
    """Write the flame graph of the peak as one HTML page that loads nothing from the network."""
    options = ["--no-web", "--split-threads", "--force", "--output", page, capture]
    try:
        _flamegraph_alone(options)
    except (ImportError, AttributeError, TypeError):  # another memray, made otherwise inside
        from memray.commands import main as memray_command

        if status := memray_command(["flamegraph", *options]):
            raise RuntimeError(f"memray flamegraph ended with status {status}") from None
    return {"page": page}


def _flamegraph_alone(options: list[str]) -> None:
    """Run ``memray flamegraph`` without what the package of all its commands imports.

    That is a toolkit for terminals, which takes as long to import as a page takes to draw.
    """
    import memray

    package = types.ModuleType("memray.commands")
    package.__path__ = [os.path.join(os.path.dirname(memray.__file__), "commands")]  # noqa: PTH118, PTH120
    sys.modules[package.__name__] = package
    try:
        from memray.commands.flamegraph import FlamegraphCommand

        parser = argparse.ArgumentParser("memray flamegraph")
        command = FlamegraphCommand()
        command.prepare_parser(parser)
        command.run(parser.parse_args(options), parser)
    finally:
        for name in [name for name in sys.modules if name.startswith(package.__name__)]:
            del sys.modules[name]


def _line(record: Any) -> str:
    """Name the innermost Python line that asked for the memory."""
    stack = record.stack_trace(max_stacks=1)
    if not stack:
        return "(outside Python)"
    function, file, line = stack[0]
    return f"{file}:{line} ({function})"


def _thread(record: Any) -> str:
    """Name the thread: memray numbers them, and the one that began the tracking is the first."""
    name: str = record.thread_name
    return name or ("main thread" if record.tid == 1 else f"thread {record.tid}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
