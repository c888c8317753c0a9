"""``lab run``: from the words of the command line to a request, and from its record to words."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import armed, interpreters, registry, runner
from lab.cli import consoles
from lab.cli.pages import open_page, prepare_reports, write_report
from lab.cli.progress import Narrator
from lab.errors import ExitCode, UsageError
from lab.faults import NONE, Call, Fault, FaultKind, parse_all
from lab.hunts.wishes import EXECUTIONS
from lab.model import Event, RunRecord, VerdictKind
from lab.scenario import Scenario, StartMethod, Workers

EXIT_CODES = {
    VerdictKind.AS_EXPECTED: ExitCode.EXPECTED,
    VerdictKind.DEVIATED: ExitCode.DEVIATED,
    VerdictKind.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True)
class RunOptions:
    """The command line of ``lab run``, as it was typed."""

    reference: str
    variant: str
    start_methods: tuple[StartMethod, ...]
    pythons: tuple[str, ...]
    workers: int | None
    settings: tuple[str, ...]
    timeout_s: float | None
    faults: tuple[str, ...]
    repeat: int
    seed: int
    corrected: bool
    heap: bool
    hunt: bool
    flamegraphs: bool
    output: Path
    as_json: bool
    open_report: bool


def run_scenario(options: RunOptions) -> int:
    """Run what ``options`` ask for, print the result, and return the exit code."""
    request = make_request(options)
    with Narrator(consoles.progress(), trials=_trial_count(request)) as narrator:
        record = runner.run(request, _preparing_meanwhile(narrator.tell))
        narrator.say("writing the report")
        page = write_report(record)
    print_record(record, page, as_json=options.as_json)
    if options.open_report:
        open_page(page)
    assert record.result is not None
    return int(EXIT_CODES[record.result.verdict])


def _preparing_meanwhile(tell: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return ``tell``, which also has the report made ready while heaps are measured.

    Then no clock decides anything any more, and the lab itself only waits.
    """
    begun: list[threading.Thread] = []

    def told(event: Event) -> None:
        tell(event)
        if not begun and event.trial.endswith(f"-{runner.HEAP_PASS}"):
            begun.append(threading.Thread(target=prepare_reports, daemon=True))
            begun[0].start()

    return told


def run_several(tags: Sequence[str], *, everything: bool) -> Callable[[RunOptions], int]:
    """Return what runs every scenario that has one of ``tags``, or all of them, in turn."""

    def start(options: RunOptions) -> int:
        from lab.cli.batch import choose, run_many

        for given, what in (
            (options.reference, options.reference),
            (options.settings, "--set"),
            (options.workers, "--workers"),
            (options.faults, "--fault"),
            (options.open_report, "--open"),
        ):
            if given:
                raise UsageError(f"{what} with --tag or --all", wanted="one or the other")
        check_options(options)
        return run_many(choose(tags, everything=everything), options)

    return start


def make_request(options: RunOptions) -> runner.RunRequest:
    """Check the options against the scenario. Raises :class:`UsageError`."""
    check_options(options)
    if not options.reference:
        raise UsageError(
            "no scenario is named", wanted="a name, --tag or --all", next_step="lab list"
        )
    found = registry.find(options.reference)
    chosen = interpreters.choose(options.pythons)
    faults = read_faults(options.faults)
    for fault in faults or ():
        if _can_be_checked(fault):
            armed.check(fault)
    return runner.RunRequest(
        found=found,
        variants=runner.choose_variants(
            found.scenario.variants,
            options.variant,
            options.start_methods,
            found.scenario.start_methods,
            default=chosen[0].start_method,
        ),
        interpreters=chosen,
        parameters=found.scenario.arguments(read_settings(found.scenario, options)),
        corrected=options.corrected,
        repeat=options.repeat,
        seed=options.seed,
        timeout_s=options.timeout_s,
        faults=faults,
        heap=options.heap,
        hunt=EXECUTIONS if options.hunt else 0,
        flamegraphs=options.flamegraphs,
        output=options.output,
    )


def check_options(options: RunOptions) -> None:
    """Check what no scenario has a say in. Raises :class:`UsageError`."""
    seconds = options.timeout_s
    # A record is JSON, which has no word for infinity: the run could not be read again.
    if seconds is not None and not 0 < seconds < math.inf:
        raise UsageError(
            f"--timeout {seconds:g}", wanted="more than 0 seconds, and a number that ends"
        )
    kinds = [*map(str, Workers), "all"]
    if options.variant not in kinds:
        raise UsageError(f"--variant {options.variant}", wanted="one of " + ", ".join(kinds))


def read_faults(texts: Sequence[str]) -> tuple[Fault, ...] | None:
    """Return what ``--fault`` plants in place of the scenario's own; ``None``: it was not given."""
    if not texts:
        return None
    if NONE in texts:
        if len(texts) > 1:
            raise UsageError(f"--fault {NONE} with another fault", wanted="one or the other")
        return ()
    return parse_all(tuple(texts))


def _can_be_checked(fault: Fault) -> bool:
    """Whether the module that it names is harmless to import here, or is imported already."""
    names = [str(fault.value)] if fault.kind is FaultKind.RAISE and "." in str(fault.value) else []
    names += [fault.trigger.function] if isinstance(fault.trigger, Call) else []
    tops = {name.partition(".")[0] for name in names}
    return tops <= {*sys.stdlib_module_names, *sys.modules}


def read_settings(scenario: Scenario, options: RunOptions) -> dict[str, str]:
    """Return ``{name: text}`` from the ``--set`` options and ``--workers``."""
    settings = _split_settings(options.settings, scenario)
    if options.workers is not None:
        if settings.get("workers", str(options.workers)) != str(options.workers):
            raise UsageError(f"--workers {options.workers} and --set workers={settings['workers']}")
        settings["workers"] = str(options.workers)
    return settings


def _split_settings(words: Sequence[str], scenario: Scenario) -> dict[str, str]:
    settings: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(
                f"--set {word}", wanted="KEY=VALUE", next_step=f"lab show {scenario.name}"
            )
        if name in settings:
            raise UsageError(f"--set {name} was given twice", wanted="each parameter once")
        settings[name] = text
    return settings


def _trial_count(request: runner.RunRequest) -> int:
    passes = [len(request.heap_passes(each)) for each in request.interpreters]
    repeats = request.repeat * len(request.interpreters)
    return len(request.variants) * (repeats + sum(passes))


def print_record(record: RunRecord, page: Path, *, as_json: bool) -> None:
    """Print a record for a person, or as one JSON object for a program."""
    if as_json:
        document: dict[str, Any] = {
            "directory": record.directory,
            "report": str(page),
            "header": record.header,
            "result": record.result,
        }
        consoles.print_json(document)
        return
    from lab.report.terminal import print_summary

    print_summary(record, consoles.results(), page)
