"""The commands and their options. Each docstring is the command's help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.errors import ExitCode
from lab.scenario import StartMethod

app = typer.Typer(
    name="lab",
    help=(
        "Run concurrent programs that go wrong on purpose, with threads and with processes, and "
        "find out what each tells you about it and what each costs in memory.\n\n"
        "Exit codes: 0 as expected, 1 deviated, 2 wrong usage, 3 internal error, "
        "4 nothing was run or inconclusive, 124 a watched command hung, 130 interrupted."
    ),
    no_args_is_help=False,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        import importlib.metadata
        import platform

        own = importlib.metadata.version("concurrency-lab")
        print(f"lab {own} (Python {platform.python_version()})")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_tell_version,
        is_eager=True,
        help="Print the version of the lab and of the Python that it runs on.",
    ),
]


@app.callback()
def no_command(context: typer.Context, _version: Version = False) -> None:
    """Show the help when no command is given: that is a question, and it ends as wrong usage."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(int(ExitCode.USAGE))


Reference = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="A name from `lab list`, a file such as ./my_scenario.py, or package.module:NAME.",
    ),
]


Output = Annotated[Path, typer.Option(help="Where runs are kept.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
OpenReport = Annotated[bool, typer.Option("--open", help="Open the report in a browser.")]


@app.command()
def run(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A name from `lab list`, a file such as ./my_scenario.py, or package.module:NAME.",
        ),
    ] = "",
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Run all scenarios with this tag; may be repeated.", metavar="TAG"),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Run all scenarios that are installed.")
    ] = False,
    variant: Annotated[
        str, typer.Option(metavar="threads|processes|all", help="Which kinds of worker to run.")
    ] = "all",
    start_method: Annotated[
        list[StartMethod] | None,
        typer.Option(
            metavar="|".join(StartMethod),
            help="How processes start; may be repeated. [default: the platform's]",
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Run on this interpreter; repeat it to compare several. [default: the lab's own]",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Short for --set workers=N.", metavar="N")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a parameter; `lab show` lists them."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that each trial may take.", metavar="SECONDS")
    ] = None,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="FAULT",
            help=(
                "Plant this in place of the scenario's own faults, such as kill:worker@put#3; may "
                "be repeated; `none` plants nothing; `lab faults` explains the words."
            ),
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, metavar="N", help="Trials of each variant, at least 1.")
    ] = 1,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed for the program's random numbers.")
    ] = 0,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="Run the corrected version: it must end healthy.")
    ] = False,
    heap: Annotated[
        bool, typer.Option("--heap/--no-heap", help="Run each variant again for its heap.")
    ] = True,
    hunt: Annotated[
        bool, typer.Option("--hunt/--no-hunt", help="Of a race, hunt its test as well.")
    ] = True,
    flamegraphs: Annotated[
        bool, typer.Option("--flamegraphs/--no-flamegraphs", help="Render the heap's flame graphs.")
    ] = True,
    output: Output = Path("reports"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record as JSON on stdout.")
    ] = False,
    open_report: OpenReport = False,
) -> int:
    """Run a scenario, diagnose what happens, and write the report.

    The faulty program runs once with threads and once with processes, contained in a process tree
    that cannot outlive the lab. A deadlock is proved from the kernel's own counters, without
    waiting for the time-out; then the stacks are taken and the root cause is named.

    For example: lab run deadlock --variant processes --start-method spawn --workers 3

    With --tag or --all many scenarios run in turn, with a line for each and one table at the end;
    the exit code is that of the worst.
    """
    from lab.cli.run import RunOptions, run_scenario, run_several

    tags = tuple(tag or ())
    several = everything or bool(tags)
    start = run_several(tags, everything=everything) if several else run_scenario
    return start(
        RunOptions(
            reference=scenario,
            variant=variant,
            start_methods=tuple(start_method or ()),
            pythons=tuple(python or ()),
            workers=workers,
            settings=tuple(settings or ()),
            timeout_s=timeout,
            faults=tuple(faults or ()),
            repeat=repeat,
            seed=seed,
            corrected=corrected,
            heap=heap,
            hunt=hunt,
            flamegraphs=flamegraphs,
            output=output,
            as_json=as_json,
            open_report=open_report,
        )
    )


@app.command("list")
def list_scenarios(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> int:
    """List the scenarios that are installed here, and the plug-ins that are broken."""
    from lab.cli.catalogue import print_catalogue

    return print_catalogue(as_json=as_json)


@app.command()
def show(scenario: Reference) -> int:
    """Show what a scenario plants, why, its parameters, its ground truth and its source."""
    from lab.cli.catalogue import print_scenario

    return print_scenario(scenario)


@app.command("faults")
def list_faults() -> int:
    """Explain the faults that `lab run --fault` can plant: their kinds, workers and triggers."""
    from lab.cli.planting import print_faults

    return print_faults()


@app.command()
def report(
    run_directory: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory; `lab run` prints it.")
    ],
    open_report: Annotated[
        bool, typer.Option("--open", help="Open the report in a browser.")
    ] = False,
) -> int:
    """Build the report of a run again from its directory, also of one that did not finish."""
    from lab.cli.pages import rebuild_report

    return rebuild_report(run_directory, open_report=open_report)


@app.command()
def compare(
    places: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULTS",
            help="A run, or a directory of runs and claims. [default: what --output holds]",
        ),
    ] = None,
    output: Output = Path("reports"),
    as_json: AsJson = False,
    open_report: OpenReport = False,
) -> int:
    """Compare threads with processes over all results, or one set of results with another.

    Of each scenario the newest finished run counts, and of the claims the newest measurement. Two
    sets are two machines, two interpreters, or before and after a change.

    For example: lab run --all && lab claims && lab compare --open
    """
    from lab.cli.compare import compare as compare_results

    return compare_results(places or (), output=output, as_json=as_json, open_report=open_report)


@app.command()
def claims(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="P1 to P7, T1 to T8, G1. [default: all of them]"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer repeats, fewer workers, a smaller payload.")
    ] = False,
    python: Annotated[
        str,
        typer.Option(metavar="PATH", help="Measure on this interpreter. [default: the lab's own]"),
    ] = "",
    output: Output = Path("reports"),
    as_json: AsJson = False,
    open_report: OpenReport = False,
) -> int:
    """Put the claims about threads and processes on trial, on this interpreter and machine.

    Each is measured with threads beside processes and either holds, holds with a limit, does not
    hold here, or is not measurable here; the figures, the threshold and every sample are given.
    It takes up to 4 minutes on 2 CPUs, under one with --quick. Exit code 4: a claim could not be
    measured, for instance because other programs used the CPUs.

    For example: lab claims --quick P1 T2
    """
    from lab.cli.claims import ClaimsOptions, try_claims

    return try_claims(ClaimsOptions(ids or (), quick, python, output, as_json, open_report))


@app.command()
def dump(
    pid: Annotated[int, typer.Argument(metavar="PID", min=1, help="A live process.")],
    again: Annotated[
        int, typer.Option(min=0, metavar="N", help="Look N more times: tells stuck from slow.")
    ] = 0,
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds between two looks.")
    ] = 1.0,
    native: Annotated[
        bool, typer.Option("--native", help="Stop processes to read unknown waits in C code.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> int:
    """Say what a live process and its children wait for, and who holds it; end nothing.

    Needs no preparation of the program, and stops it only where py-spy cannot read it. For
    example: lab dump 4711 --again 3
    """
    from lab.cli.dump import dump_process

    return dump_process(pid, again=again, interval_s=interval, native=native, as_json=as_json)


@app.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Run any command unchanged; if it hangs, say why, report, and end it.",
)
def watch(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND...", help="The command, after --.")
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="How long it may take in all; 0: no limit.")
    ] = "0",
    quiet_for: Annotated[
        str, typer.Option(metavar="TIME", help="How long nothing in it may run; 0: for ever.")
    ] = "60s",
    report: Annotated[
        str, typer.Option(metavar="DIR", help="Where the report of a hang goes.")
    ] = "reports",
    on_hang: Annotated[
        str, typer.Option(metavar="report,kill", help="What to do then: either, or both.")
    ] = "report,kill",
) -> int:
    r"""Run a command as if the lab were not there; when it hangs, say why, and end it.

    Output, input, terminal and exit code are the command's own. It hangs when nothing in its
    process tree can ever run again, which is proved within a second; or when nothing has run for
    --quiet-for; or when --timeout is over. Waiting for the terminal or for the other end of its
    standard streams is no hang, and time in which it is stopped does not count.

    Then every Python process in the tree is read from outside, the root cause is printed on
    stderr, a page is written, all processes are ended (SIGTERM for those who catch it, then
    SIGKILL), and the exit code is 124. What a command leaves running when it ends by itself is
    left alone; when the lab is killed, its command is ended.

    At any moment, Ctrl-\ or kill -QUIT of the lab prints a diagnosis and ends nothing.

    A TIME is 90, 60s, 10m or 1.5h. For example: lab watch --timeout 10m -- pytest
    """
    from lab.cli.watch import watch_command
    from lab.watch.wishes import Wishes

    return watch_command(
        Wishes(command or (), timeout=timeout, quiet_for=quiet_for, report=report, on_hang=on_hang)
    )


@app.command()
def doctor(
    browser: Annotated[
        bool, typer.Option("--browser", help="Also look for chromium, which browser tests need.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> int:
    """Check that this machine lets the lab do its work; say what is missing and how to mend it."""
    from lab.cli.health import print_health

    return print_health(browser=browser, as_json=as_json)


@app.command()
def schema(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="run, event, result, dump, snapshot, claims or measurements; all if left out.",
        ),
    ] = "",
) -> int:
    """Print the JSON Schema of the files in a run directory."""
    from lab.cli.catalogue import print_schema

    return print_schema(name)
