"""The claims about memory and its price: P4, P7, T6."""

from __future__ import annotations

from lab.claims.decide.evidence import (
    FAILS,
    HOLDS,
    LIMITED,
    Conclusion,
    Evidence,
    Samples,
    Unmeasured,
    figure,
    grade,
    median,
    ms,
    ratios,
    size_of,
)
from lab.claims.terms import EVERY, FORK, FORKSERVER, SPAWN, THREADS
from lab.model import Figure
from lab.scenario import Variant

PROCESSES = (FORK, FORKSERVER, SPAWN)
MORE = 2.0
"""How many times as much a process takes as a thread."""
PAGE = 4096
"""What a thread counts at least: less is not a page."""

SEPARATE = (
    "a worker's writes to a global and to its argument: holds if none is seen by its parent, with "
    "a limit if the kernel shares something else; threads, as a control, have to see them"
)
LARGER = (
    f"PSS that a process adds over what a thread adds: holds if {MORE:g} times for every start "
    "method, with a limit if for some"
)
LIGHT = (
    f"what a forked process takes over a thread, in PSS and in time to start: holds if "
    f"{MORE:g} times in both, with a limit if in one"
)


def p4(e: Evidence) -> Conclusion:
    """Judge whether a worker's writes stay its own, and what is shared after all."""

    def seen(variant: Variant) -> Samples:
        both = [e.samples("isolation", f"write to {what} seen", variant) for what in OWN]
        return tuple(sum(each) for each in zip(*both, strict=True))

    if median(seen(THREADS)) < len(OWN):
        raise Unmeasured("not even a thread's writes were seen: the measurement does not work")
    figures = [
        figure(f"private writes seen, {variant.label}", seen(variant), decides=True)
        for variant in EVERY
    ]
    through = [v.label for v in PROCESSES if max(seen(v)) > 0]
    if through:
        return Conclusion(FAILS, f"writes were seen from {', '.join(through)}", tuple(figures))
    reason = "no write to a global or an argument was seen by the parent, by any start method"
    shared = _shared_after_all(e)
    figures += [each for _, each in shared]
    words = [word for word, each in shared if each.median > 0]
    if words:
        more = f"; what is shared after all: {', '.join(words)}"
        return Conclusion(LIMITED, reason + more, (*figures, *_pages(e)))
    return Conclusion(HOLDS, reason, (*figures, *_pages(e)))


OWN = ("a global", "an argument")


def _shared_after_all(e: Evidence) -> list[tuple[str, Figure]]:
    memory = [e.samples("isolation", "write to shared memory seen", v) for v in PROCESSES]
    moved = e.samples("isolation", "move in an open file seen", FORK)
    least = min(memory, key=median)
    return [
        ("shared memory", figure("writes to shared memory seen, processes", least, decides=True)),
        (
            "the position in an open file (fork)",
            figure("moves in an open file seen, processes (fork)", moved, decides=True),
        ),
    ]


def _pages(e: Evidence) -> tuple[Figure, ...]:
    return tuple(
        figure(f"payloads in memory when 4 forked workers have {verb} it", samples)
        for verb, samples in (
            ("inherited", e.samples("shared-payload", "payloads when all have it", FORK)),
            ("read", e.samples("shared-payload", "payloads when all have read it", FORK)),
        )
    )


def added(e: Evidence, kind: str, variant: Variant) -> Samples:
    """Return what a worker adds, with as many workers as were tried at most."""
    workers = e.largest("memory-per-worker", "workers")
    return e.samples("memory-per-worker", f"{kind} a worker", variant, workers=workers)


def p7(e: Evidence) -> Conclusion:
    """Judge what a process adds to the memory, beside a thread."""
    thread = added(e, "PSS", THREADS)
    over = {variant: ratios(added(e, "PSS", variant), thread, PAGE) for variant in PROCESSES}
    kinds = {v: grade(ratio, holds=MORE, limited=MORE) for v, ratio in over.items()}
    more = [v for v, kind in kinds.items() if kind is HOLDS]
    kind = HOLDS if len(more) == len(PROCESSES) else LIMITED if more else FAILS
    workers = e.largest("memory-per-worker", "workers")
    sizes = ", ".join(
        f"by {v.start_method} {size_of(median(added(e, 'PSS', v)))}" for v in PROCESSES
    )
    reason = f"of {workers} workers a thread added {size_of(median(thread))}, a process {sizes}"
    if kind is LIMITED:
        reason += f"; more than a thread only by {', '.join(str(v.start_method) for v in more)}"
    deciding = tuple(
        figure(f"PSS a worker by {v.start_method} over a thread's", over[v], decides=True)
        for v in over
    )
    return Conclusion(kind, reason, (*deciding, *_sizes(e), *_payloads(e), *_heaps(e)))


def _sizes(e: Evidence) -> list[Figure]:
    """Return what a worker adds by every count; the samples have it for fewer workers, too."""
    return [
        figure(f"{words} a worker, {variant.label}", added(e, kind, variant), "bytes")
        for kind, words in (("PSS", "PSS"), ("USS", "USS"), ("RSS", "RSS (misleads)"))
        for variant in EVERY
    ]


def _payloads(e: Evidence) -> list[Figure]:
    ways = [
        (THREADS, False, "objects shared by threads"),
        (FORK, False, "objects inherited by fork, read"),
        (SPAWN, False, "objects pickled for spawn"),
        (FORK, True, "shared memory, fork"),
        (SPAWN, True, "shared memory, spawn"),
    ]
    name = "payloads when all have read it"
    return [
        figure(
            f"payloads in memory for 4 workers: {words}",
            e.samples("shared-payload", name, variant, corrected=corrected),
        )
        for variant, corrected, words in ways
    ]


def _heaps(e: Evidence) -> list[Figure]:
    """Return what memray saw, which the short version leaves out."""
    return [
        figure(f"heap peak a worker by memray, {variant.label}", peaks, "bytes")
        for variant in (THREADS, FORK)
        if (peaks := e.some("memory-per-worker", "heap peak a worker", variant))
    ]


def t6(e: Evidence) -> Conclusion:
    """Judge what a thread takes in memory and in time, beside a forked process."""
    memory = ratios(added(e, "PSS", FORK), added(e, "PSS", THREADS), PAGE)
    starts = {v: e.samples("start-up", "until a task runs", v, quiet=True) for v in EVERY}
    slower = ratios(starts[FORK], starts[THREADS])
    kinds = [grade(ratio, holds=MORE, limited=MORE) for ratio in (memory, slower)]
    kind = HOLDS if kinds == [HOLDS, HOLDS] else LIMITED if HOLDS in kinds else FAILS
    reason = (
        f"a thread added {size_of(median(added(e, 'PSS', THREADS)))} and ran after "
        f"{ms(median(starts[THREADS]))}; a forked process "
        f"{size_of(median(added(e, 'PSS', FORK)))} and {ms(median(starts[FORK]))}"
    )
    if kind is LIMITED:
        reason += f": lighter {'in memory' if kinds[0] is HOLDS else 'to start'} only"
    figures = (
        figure("PSS of a forked process over a thread's", memory, decides=True),
        figure("time to start by fork over a thread's", slower, decides=True),
        *(figure(f"until a task runs, {v.label}", starts[v], "s") for v in EVERY),
        *(figure(f"PSS a worker, {v.label}", added(e, "PSS", v), "bytes") for v in EVERY),
    )
    return Conclusion(kind, reason, figures)
