"""``lab list``, ``lab show`` and ``lab schema``: what there is, in words."""

from __future__ import annotations

import json

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from lab import registry
from lab.cli import consoles
from lab.errors import ExitCode, UsageError, suggest
from lab.expectation import expect
from lab.judge import place
from lab.model import Expectation, ExpectedWait
from lab.registry import Found, Listed
from lab.scenario import Scenario, StartMethod, Workers

LIST_WIDTH = 160
"""So that each scenario is one line where no terminal limits it, as grep(1) wants it."""


def print_catalogue(*, as_json: bool) -> int:
    """Print every registered scenario; a name that is taken twice makes it a usage error."""
    entries = registry.installed()
    if as_json:
        print(json.dumps([_as_data(entry) for entry in entries], indent=1))
    else:
        _print_table(entries, consoles.results(LIST_WIDTH))
    twice = sorted({entry.name for entry in entries if entry.duplicate})
    if twice:
        raise UsageError(
            f"registered more than once: {', '.join(twice)}",
            wanted="each scenario name in one installed package",
            next_step="uninstalling one of the packages listed above",
        )
    return int(ExitCode.EXPECTED)


def _as_data(entry: Listed) -> dict[str, object]:
    data: dict[str, object] = {"name": entry.name, "target": entry.target, "error": entry.error}
    if entry.found:
        scenario = entry.found.scenario
        data |= {
            "title": scenario.title,
            "tags": list(scenario.tags),
            "variants": [str(kind) for kind in scenario.variants],
            "huntable": scenario.hunted is not None,
        }
    return data


def _print_table(entries: tuple[Listed, ...], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("scenario", "what it plants", "variants", "tags"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        if entry.found:
            scenario = entry.found.scenario
            variants = ", ".join(scenario.variants)
            table.add_row(scenario.name, escape(scenario.title), variants, ", ".join(scenario.tags))
        else:
            table.add_row(escape(entry.name), f"[red]broken:[/red] {escape(entry.error)}", "", "")
    console.print(table)
    console.print("\nlab show NAME explains one; lab run NAME runs it.")


def print_scenario(reference: str) -> int:
    """Print one scenario as a lesson."""
    found = registry.find(reference)
    scenario = found.scenario
    console = consoles.results()
    console.print(f"[bold]{scenario.name}[/bold]: {escape(scenario.title)}\n")
    for heading, text in (
        ("Plants", scenario.plants),
        ("Why", scenario.why),
        ("Cure", scenario.cure),
        ("Variants", _variants(scenario)),
        ("Planted", ", ".join(map(str, scenario.faults)) or "nothing: it runs as it is"),
        ("Bears on", ", ".join(scenario.claims) or "no claim"),
        ("Hunted", f"lab hunt {scenario.name}" if scenario.hunted else "no: nothing to schedule"),
    ):
        console.print(f"[bold]{heading}[/bold]  {escape(text)}")
    _print_parameters(found, console)
    _print_truth(found, console)
    source = found.source_file.read_text(encoding="utf-8")
    console.print(f"\n[bold]Source[/bold]  {escape(str(found.source_file))}\n")
    console.print(Syntax(source, "python", line_numbers=True, background_color="default"))
    return int(ExitCode.EXPECTED)


def _variants(scenario: Scenario) -> str:
    """Name the variants, and the start methods where the fault does not exist in all of them."""
    some = len(scenario.start_methods) < len(StartMethod)
    by = f" (by {' or '.join(scenario.start_methods)} only)" if some else ""
    return ", ".join(f"{k}{by}" if k is Workers.PROCESSES else str(k) for k in scenario.variants)


def _print_parameters(found: Found, console: Console) -> None:
    console.print("\n[bold]Parameters[/bold]  (--set KEY=VALUE)")
    for parameter in found.scenario.parameters:
        line = f"  {parameter.name}={parameter.default}  {parameter.help} ({parameter.domain})"
        console.print(line, markup=False)
    if not found.scenario.parameters:
        console.print("  none")


def _print_truth(found: Found, console: Console) -> None:
    console.print("\n[bold]Ground truth[/bold]  (which the diagnosis never sees)")
    truths: dict[tuple[str, ...], list[str]] = {}
    for variant in found.scenario.all_variants:
        truth = expect(found.scenario, found.source_file, found.scenario.arguments({}), variant)
        truths.setdefault(_truth_lines(truth), []).append(variant.label)
    for lines, labels in truths.items():
        if len(truths) > 1:
            console.print(f"  {', '.join(labels)}:", markup=False)
        for line in lines:
            console.print(f"  {line}", markup=False)


def _truth_lines(truth: Expectation) -> tuple[str, ...]:
    apparent = f" (from outside: {truth.apparent})" if truth.apparent else ""
    code = f" (exit status {truth.exit_code})" if truth.exit_code else ""
    return (
        f"outcome {truth.outcome}{code}, cause {truth.cause}{apparent}",
        *(_in_words(wait) for wait in truth.waits),
        *(f"the program reports {wanted.name}: {wanted.range}" for wanted in truth.observed),
    )


def _in_words(wait: ExpectedWait) -> str:
    words = f"{wait.waiter} waits"
    words += f" at {place(wait.at)}" if wait.at else " inside the standard library"
    lock = f"a lock that nobody holds ({wait.no_holder})" if wait.no_holder else ""
    words += f" for {wait.holder or lock or 'what nobody will provide'}"
    words += f", which has held it since {place(wait.held_at)}" if wait.held_at else ""
    return words + (f" (not to be known from outside: {wait.hidden})" if wait.hidden else "")


def print_schema(name: str) -> int:
    """Print the JSON Schema of one kind of record, or of all."""
    from lab.model import SCHEMAS

    if name and name not in SCHEMAS:
        raise UsageError(f"no schema {name!r}", wanted=suggest(name, SCHEMAS))
    wanted = [SCHEMAS[name]] if name else list(SCHEMAS.values())
    _, definitions = msgspec.json.schema_components(wanted, ref_template="#/$defs/{name}")
    document: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
    }
    roots = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in wanted]
    document |= roots[0] if name else {"oneOf": roots}
    print(json.dumps(document, indent=1))
    return int(ExitCode.EXPECTED)
