"""The commands ``hunt`` and ``replay`` and their options. Each docstring is the command's help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app

__all__ = ["app"]

Limit = Annotated[
    float,
    typer.Option(metavar="S", help="Seconds without a move after which the test counts as hung."),
]


@app.command()
def hunt(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TEST",
            help="PATH.py:FUNCTION, package.module:FUNCTION, or the name of a race scenario.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(metavar="gil|free-threaded|both", help="Where threads can be switched."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How schedules are chosen. [default: portfolio]"),
    ] = None,
    executions: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Schedules to try. [default: 2000; with --seconds, no limit]",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds to hunt, at most.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the schedules.")] = None,
    trace: Annotated[
        list[str] | None,
        typer.Option(metavar="PACKAGE", help="Switch in this package too; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            metavar="N",
            help="Processes that hunt together when a hunt is longer than 2000 executions; what "
            "is found does not depend on it. [default: one for each processor]",
        ),
    ] = None,
    race_timeouts: Annotated[
        bool,
        typer.Option(
            "--race-timeouts", help="Let time-outs and sleeps end while other threads could run."
        ),
    ] = False,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="Of a scenario, hunt the corrected version.")
    ] = False,
    limit: Limit = 30.0,
    output: Annotated[Path, typer.Option(help="Where hunts are kept.", metavar="DIR")] = Path(
        "reports"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")
    ] = False,
) -> int:
    """Hunt for the interleaving that breaks a test: control who runs next, shrink what fails.

    The test is an ordinary function without arguments that starts threads; it runs in a contained
    process under one schedule after the other. Exit codes: 1 a failure was found, 0 none was found
    (which is no proof), 4 there is no answer.

    For example: lab hunt tests/test_cache.py:test_two_writers --executions 5000
    """
    from lab.cli.hunt import HuntOptions, run_hunt

    wishes = {
        "model": model,
        "strategy": strategy,
        "executions": executions,
        "seconds": seconds,
        "seed": seed,
        "trace": tuple(trace or ()),
        "race_timeouts": race_timeouts or None,
    }
    return run_hunt(HuntOptions(target, wishes, limit, output, as_json, corrected, jobs))


@app.command()
def replay(
    schedule: Annotated[
        str, typer.Argument(metavar="TOKEN|FILE", help="The schedule that a hunt printed or wrote.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="[TEST]", help="The test, if it has moved since.")
    ] = "",
    times: Annotated[
        int | None, typer.Option(min=1, help="How often to run it. [default: 1; to confirm: 20]")
    ] = None,
    confirm: Annotated[
        bool,
        typer.Option("--confirm", help="Run it on free threads, with delays at the switches only."),
    ] = False,
    trace: Annotated[
        list[str] | None, typer.Option(metavar="PACKAGE", help="As it was in the hunt.")
    ] = None,
    limit: Limit = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> int:
    """Run a test under exactly one schedule, in a new process; exit 1 when it fails again.

    When the code has changed so that the schedule no longer fits, the first difference is named.

    With --confirm the scheduler is taken away: the test runs on real threads that are only held up
    for a moment where the schedule switches. Exit codes: 1 it failed in the same way at least once,
    0 it never did, 4 this interpreter cannot switch there at all.
    """
    from lab.cli.hunt import ReplayOptions, run_confirmation, run_replay

    act = run_confirmation if confirm else run_replay
    return act(ReplayOptions(schedule, target, times, limit, tuple(trace or ()), as_json))
