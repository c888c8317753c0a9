"""The claims about waiting, sharing state and answering in time: T1, T4, T5."""

from __future__ import annotations

from lab.claims.decide.evidence import (
    FAILS,
    HOLDS,
    LIMITED,
    Conclusion,
    Evidence,
    Samples,
    Unmeasured,
    at_most,
    figure,
    grade,
    median,
    ms,
    ratios,
)
from lab.claims.terms import FORK, THREADS
from lab.model import Figure
from lab.scenario import Variant

WELL = 4.0
"""How many times as much 8 that wait get done as one, from which they suit it."""
AT_ALL = 2.0
BESIDE = 0.8
"""Share of what processes get done that threads have to reach."""
NEAR = 2.0
"""How many times as often a plain object is updated as the state of another process."""
FRAME_S = 1 / 60
STILL_S = FRAME_S / 4
"""How late ticks may be without any work; later, and the machine is too busy."""
UNNOTICED_S = 0.002
"""A delay from which it matters that a process would have less."""

WAITING = (
    f"requests of 8 threads over 1: holds from {WELL:g} if that is {BESIDE:.0%} of what processes "
    f"get done and files gain too, with a limit from {AT_ALL:g}"
)
REACHING = (
    f"updates of a plain object over those by a mechanism of processes: holds if {NEAR:g} times "
    f"the fastest of all, with a limit if {NEAR:g} times the fastest that takes any object"
)
RESPONDING = (
    f"p99 delay of a tick while a worker thread computes: holds up to a frame ({ms(FRAME_S)}), "
    f"with a limit if over {ms(UNNOTICED_S)} and twice a worker process's"
)

SHARED = ("Value", "Array", "SharedMemory")
MESSAGES = ("queue", "pipe", "manager proxy")


def t1(e: Evidence) -> Conclusion:
    """Judge what several threads gain where they wait, beside processes."""

    def of(name: str, variant: Variant) -> Samples:
        return e.samples("io-bound", name, variant, corrected=True)

    gain, files = of("gain in requests", THREADS), of("gain in file writes", THREADS)
    rates = {v: of("requests of all workers", v) for v in (THREADS, FORK)}
    beside = ratios(rates[THREADS], rates[FORK])
    kind = grade(gain, holds=WELL, limited=AT_ALL)
    reason = f"8 threads got {median(gain):.1f} times as many answers as one"
    if median(beside) < BESIDE:
        kind = at_most(kind, LIMITED)
        reason += f", which is {median(beside):.0%} of what processes got"
    if median(files) < 1.25:
        kind = at_most(kind, LIMITED)
        reason += f"; writing files they gained nothing ({median(files):.2f} times)"
    figures = (
        figure("requests of 8 threads over 1", gain, decides=True),
        figure("requests of threads over processes", beside, decides=True),
        figure("file writes of 8 threads over 1", files, decides=True),
        figure("requests by 8 threads", rates[THREADS], "requests/s"),
        figure("requests by 8 processes", rates[FORK], "requests/s"),
        *(_memory_of_a_request(e, variant, rates[variant]) for variant in rates),
    )
    return Conclusion(kind, reason, figures)


def _memory_of_a_request(e: Evidence, variant: Variant, rate: Samples) -> Figure:
    """Return the memory of the workers for each request a second."""
    workers = e.largest("memory-per-worker", "workers")
    added = e.samples("memory-per-worker", "PSS a worker", variant, workers=workers)
    each = tuple(8 * size / median(rate) for size in added)
    return figure(f"PSS for each request a second, {variant.workers}", each, "bytes")


def t4(e: Evidence) -> Conclusion:
    """Judge how much nearer a plain object is than the state of another process."""
    plain = e.samples("ipc-cost", "plain object", THREADS, quiet=True)
    others = {name: e.samples("ipc-cost", name, FORK, quiet=True) for name in (*SHARED, *MESSAGES)}
    best = max(SHARED + MESSAGES, key=lambda name: median(others[name]))
    best_of_any = max(MESSAGES, key=lambda name: median(others[name]))
    over, over_any = ratios(plain, others[best]), ratios(plain, others[best_of_any])
    reason = f"a plain object was updated {median(over):.3g} times as often as {best}"
    kind = grade(over, holds=NEAR, limited=NEAR)
    if kind is FAILS and grade(over_any, holds=NEAR, limited=NEAR) is HOLDS:
        kind = LIMITED
        reason += (
            ", so bare numbers are as near in shared memory; what takes any object was "
            f"{median(over_any):.3g} times slower at best ({best_of_any})"
        )
    figures = (
        figure(f"plain object over {best}", over, decides=True),
        figure(f"plain object over {best_of_any}", over_any, decides=True),
        figure("plain object", plain, "updates/s"),
        *(figure(name, rate, "updates/s") for name, rate in others.items()),
        figure("lines for plain object", e.samples("ipc-cost", "lines for plain object", THREADS)),
        *(
            figure(f"lines for {name}", e.samples("ipc-cost", f"lines for {name}", FORK))
            for name in others
        ),
    )
    return Conclusion(kind, reason, figures)


def late(e: Evidence, work: str, variant: Variant, *, handed: bool) -> Samples:
    """Return how late 99 of 100 ticks were at most; ``handed``: a worker did the work."""
    return e.samples(
        "responsiveness",
        "p99 delay of a tick",
        variant,
        corrected=handed,
        quiet=True,
        work=work,
        switch_ms=5.0,
    )


def t5(e: Evidence) -> Conclusion:
    """Judge how late a 60 Hz loop is while a worker thread computes."""
    still = late(e, "none", THREADS, handed=False)
    if median(still) > STILL_S:
        raise Unmeasured(
            f"ticks were {ms(median(still))} late without any work; the limit is {ms(STILL_S)}"
        )
    thread, process = late(e, "cpu", THREADS, handed=True), late(e, "cpu", FORK, handed=True)
    same = late(e, "cpu", THREADS, handed=False)
    in_time = tuple(FRAME_S / max(delay, 1e-9) for delay in thread)
    kind = grade(in_time, holds=1.0, limited=1.0)
    reason = (
        f"with a thread that computes beside it, 99 of 100 ticks were at most "
        f"{ms(median(thread))} late; {ms(median(same))} with the work in the loop itself"
    )
    if kind is HOLDS and median(thread) > max(UNNOTICED_S, 2 * median(process)):
        kind = LIMITED
        reason += f", and {ms(median(process))} with a process: the thread holds up the loop"
    return Conclusion(kind, reason, _delays(e))


def _delays(e: Evidence) -> tuple[Figure, ...]:
    """Return every delay that was measured; the short version leaves the waiting out."""
    ways = [
        ("cpu", THREADS, True, "a worker thread computes"),
        ("cpu", FORK, True, "a worker process computes"),
        ("cpu", THREADS, False, "the loop itself computes"),
        ("none", THREADS, False, "there is no work"),
        ("io", THREADS, True, "a worker thread waits for an answer"),
        ("io", THREADS, False, "the loop itself waits for an answer"),
    ]
    found = [
        figure(
            f"{name} delay of a tick while {words}",
            samples,
            "s",
            decides=name == "p99" and handed and work == "cpu",
        )
        for work, variant, handed, words in ways
        for name in ("p50", "p99", "worst")
        if (
            samples := e.some(
                "responsiveness",
                f"{name} delay of a tick",
                variant,
                corrected=handed,
                work=work,
                switch_ms=5.0,
            )
        )
    ]
    return tuple(sorted(found, key=lambda each: not each.decides))
