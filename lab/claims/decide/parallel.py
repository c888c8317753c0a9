"""The claims about computing at the same time: P1, P2, P3, P5, T2, T3, G1."""

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
from lab.claims.terms import FORK, SPAWN, THREADS
from lab.scenario import Variant

FULL = 0.75
"""Share of the ideal speed-up from which work counts as parallel."""
SOME = 1.25
"""The speed-up from which several are any faster than one."""
TOGETHER = 0.5
"""Share of the time in which two or more were at work."""
AVOIDED = 1.5
"""How many times as fast processes are as threads, where the GIL is what keeps threads."""
AT_ONCE = 2.0
"""How many times as much several that wait get done, from which they wait at the same time."""

PARALLEL = (
    f"speed-up of n = max(2, CPUs) workers over 1: holds from {FULL:g} n, "
    f"with a limit from {SOME:g}"
)
ADDED = (
    f"CPUs kept busy by n = max(2, CPUs) workers: holds from {FULL:g} n if 2 n workers are "
    f"{SOME:g} times as fast again, with a limit if not, or from {SOME:g}"
)
AVOIDING = (
    f"speed of processes over threads in pure Python: holds from {AVOIDED:g}, with a limit from "
    f"{SOME:g}, or if threads that call C are {SOME:g} times as fast as one"
)
GIL = (
    f"speed-up of threads below {SOME:g} in pure Python where processes have it, and {AT_ONCE:g} "
    f"times as many answers where they wait: holds, with a limit if threads that call C are "
    f"{SOME:g} times as fast as one, or switch without I/O"
)
CONCURRENT = (
    f"two or more at work for {TOGETHER:.0%} of the time: holds if they kept {SOME:g} CPUs busy, "
    "with a limit if not"
)


def speed_up(
    e: Evidence,
    variant: Variant,
    *,
    name: str = "speed-up",
    corrected: bool = False,
    workers: int = 0,
) -> Samples:
    """Return how many times as much ``workers`` get done as one, on CPUs that were free."""
    return e.samples(
        "cpu-bound", name, variant, corrected=corrected, quiet=True, workers=workers or e.team
    )


def _so_fast(e: Evidence, samples: Samples, who: str) -> str:
    return f"{e.team} {who} were {median(samples):.2f} times as fast as one, on {e.cpus} CPU(s)"


def p1(e: Evidence) -> Conclusion:
    """Judge the speed-up of processes, without and with their start."""
    fast, whole = speed_up(e, FORK), speed_up(e, FORK, name="speed-up with the start")
    ideal = {"holds": FULL * e.team, "limited": SOME}
    kind, with_start = grade(fast, **ideal), grade(whole, **ideal)
    reason = _so_fast(e, fast, "processes")
    if with_start is not kind:
        kind = at_most(kind, LIMITED)
        reason += f"; with their start only {median(whole):.2f} times, so the work has to be long"
    starts = [
        figure(
            f"until a {variant.start_method} worker runs",
            e.samples("start-up", "until a task runs", variant),
            "s",
        )
        for variant in (FORK, SPAWN)
    ]
    deciding = [
        figure(f"speed-up of {e.team} processes over 1", fast, decides=True),
        figure(f"speed-up of {e.team} processes, start included", whole, decides=True),
    ]
    more = figure(f"speed-up of {2 * e.team} processes", speed_up(e, FORK, workers=2 * e.team))
    spawned = e.some("cpu-bound", "speed-up with the start", SPAWN, workers=e.team)
    slowest = (
        [figure(f"speed-up of {e.team} processes by spawn, start included", spawned)]
        if spawned
        else []
    )
    return Conclusion(kind, reason, (*deciding, *slowest, more, *starts))


def p2(e: Evidence) -> Conclusion:
    """Judge how many CPUs are busy, and whether more workers than CPUs add any."""
    busy = speed_up(e, FORK, name="CPUs busy")
    twice = ratios(speed_up(e, FORK, workers=2 * e.team), speed_up(e, FORK))
    kind = grade(busy, holds=FULL * e.team, limited=SOME)
    reason = f"{e.team} processes kept {median(busy):.2f} of {e.cpus} CPU(s) busy"
    if kind is HOLDS and median(twice) < SOME:
        kind = LIMITED
        reason += (
            f", and twice as many workers were {median(twice):.2f} times as fast as those: "
            "it adds no more CPUs than there are"
        )
    threads = figure(f"CPUs kept busy by {e.team} threads", speed_up(e, THREADS, name="CPUs busy"))
    figures = (
        figure(f"CPUs kept busy by {e.team} processes", busy, decides=True),
        figure(f"{2 * e.team} processes over {e.team}", twice, decides=True),
        threads,
    )
    return Conclusion(kind, reason, figures)


def _concurrent(e: Evidence, variant: Variant) -> tuple[Conclusion, str]:
    who = str(variant.workers)
    overlap = e.samples("cpu-bound", "overlap", variant, workers=e.team)
    apart = figure(f"share of the time with two {who} or more at work", overlap, decides=True)
    if grade(overlap, holds=TOGETHER, limited=TOGETHER) is FAILS:
        reason = f"two or more were at work for {median(overlap):.0%} of the time only"
        return Conclusion(FAILS, reason, (apart,)), ""
    busy = speed_up(e, variant, name="CPUs busy")
    parallel = grade(busy, holds=SOME, limited=SOME) is HOLDS
    figures = (apart, figure(f"CPUs kept busy by {e.team} {who}", busy, decides=True))
    kept = f"{e.team} {who} were at work together and kept {median(busy):.2f} CPU(s) busy"
    if parallel:
        return Conclusion(HOLDS, kept, figures), ""
    return Conclusion(LIMITED, f"{kept}: they take turns, one at a time", figures), kept


def p3(e: Evidence) -> Conclusion:
    """Judge whether processes are at work together."""
    return _concurrent(e, FORK)[0]


def t3(e: Evidence) -> Conclusion:
    """Judge whether threads are at work together, and what a turn costs them."""
    found, turns = _concurrent(e, THREADS)
    waits = [
        figure(
            f"p99 delay of a thread beside one that computes, switch interval {interval:g} ms",
            e.samples(
                "responsiveness",
                "p99 delay of a tick",
                THREADS,
                corrected=True,
                quiet=True,
                work="cpu",
                switch_ms=interval,
            ),
            "s",
        )
        for interval in (5.0, 0.5)
    ]
    reason = found.reason
    if turns:
        long, short = (ms(wait.median) for wait in waits)
        reason += f", and a turn comes after {long}; {short} with a switch interval of 0.5 ms"
    return Conclusion(found.kind, reason, (*found.figures, *waits))


def t2(e: Evidence) -> Conclusion:
    """Judge the speed-up of threads."""
    fast = speed_up(e, THREADS)
    kind = grade(fast, holds=FULL * e.team, limited=SOME)
    gil = "with the GIL" if e.record.machine.gil else "without a GIL"
    figures = (
        figure(f"speed-up of {e.team} threads over 1", fast, decides=True),
        figure(f"speed-up of {2 * e.team} threads", speed_up(e, THREADS, workers=2 * e.team)),
        figure(f"speed-up of {e.team} processes", speed_up(e, FORK)),
    )
    return Conclusion(kind, f"{_so_fast(e, fast, 'threads')}, {gil}", figures)


def p5(e: Evidence) -> Conclusion:
    """Judge how much faster processes are than threads, and whether C code needs them."""
    processes, threads = speed_up(e, FORK), speed_up(e, THREADS)
    ratio = ratios(processes, threads)
    in_c = speed_up(e, THREADS, corrected=True)
    kind = grade(ratio, holds=AVOIDED, limited=SOME)
    reason = f"processes were {median(ratio):.2f} times as fast as threads"
    if kind is FAILS and not e.record.machine.gil:
        reason += ": this build has no GIL to avoid"
    elif kind is FAILS and median(processes) < SOME:
        reason += f": there was no more than {e.cpus} CPU(s) for either"
    elif kind is HOLDS and median(in_c) >= SOME:
        kind = LIMITED
        reason += (
            f"; code in C that releases the GIL needs none: hashing in {e.team} threads was "
            f"{median(in_c):.2f} times as fast as in one"
        )
    figures = (
        figure("speed of processes over threads, pure Python", ratio, decides=True),
        figure(f"speed-up of {e.team} threads that hash in C", in_c, decides=True),
        figure(f"speed-up of {e.team} processes", processes),
        figure(f"speed-up of {e.team} threads", threads),
    )
    return Conclusion(kind, reason, figures)


def g1(e: Evidence) -> Conclusion:
    """Judge whether the GIL keeps threads from running in parallel, but not from waiting."""
    threads, processes = speed_up(e, THREADS), speed_up(e, FORK)
    if grade(threads, holds=SOME, limited=SOME) is HOLDS:
        fast = figure(f"speed-up of {e.team} threads", threads, decides=True)
        return Conclusion(FAILS, _so_fast(e, threads, "threads"), (fast,))
    if grade(processes, holds=SOME, limited=SOME) is FAILS:
        raise Unmeasured(
            f"{e.team} processes ran no more in parallel than threads did "
            f"({median(processes):.2f} times): that is not the GIL's doing"
        )
    waits = e.samples("io-bound", "gain in requests", THREADS, corrected=True)
    in_c = speed_up(e, THREADS, corrected=True)
    lost, plain = _lost(e, "with a call"), _lost(e, "without a call")
    figures = (
        figure(f"speed-up of {e.team} threads in pure Python", threads, decides=True),
        figure("gain of 8 threads that wait for a server", waits, decides=True),
        figure(f"speed-up of {e.team} threads that hash in C", in_c, decides=True),
        figure("share of updates lost, a call between load and store", lost, decides=True),
        figure("share of updates lost, no call between", plain),
    )
    if grade(waits, holds=AT_ONCE, limited=AT_ONCE) is FAILS:
        return Conclusion(FAILS, f"8 that waited got {median(waits):.2f} times as much", figures)
    reason = f"{e.team} threads in pure Python were {median(threads):.2f} times as fast as one"
    limits = _beyond(in_c, lost)
    if limits:
        return Conclusion(LIMITED, f"{reason}; but {'; and '.join(limits)}", figures)
    return Conclusion(HOLDS, reason, figures)


def _lost(e: Evidence, how: str) -> Samples:
    stress = e.samples("race", "updates under stress", THREADS)
    return ratios(e.samples("race", f"updates lost {how}", THREADS), stress)


def _beyond(in_c: Samples, lost: Samples) -> list[str]:
    """Say what runs in parallel after all, and where else than on I/O threads switch."""
    limits = []
    if median(in_c) >= SOME:
        limits.append(f"hashing in C ran in parallel in threads, {median(in_c):.2f} times as fast")
    if median(lost) > 0:
        limits.append(
            "they switch not on I/O only: without any, an update that calls something between "
            f"load and store was lost in {median(lost):.0%} of cases"
        )
    return limits
