"""``lab faults``: the grammar of planted faults in one table."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from lab.cli import consoles
from lab.errors import ExitCode
from lab.faults import ANY, FORM, KINDS, MAIN, NONE, TRIGGERS, KindInfo


def print_faults() -> int:
    """Print the form of a fault, its kinds, its workers and its triggers."""
    console = consoles.results()
    console.print(f"lab run SCENARIO --fault {FORM}", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for heading, rows in (
        ("KIND[=VALUE]", {_form(kind, info): info.does for kind, info in KINDS.items()}),
        ("WORKER", _workers()),
        ("TRIGGER", dict(TRIGGERS)),
    ):
        table.add_row()
        table.add_row(heading, style="bold")
        for form, meaning in rows.items():
            table.add_row(escape(f"  {form}"), escape(meaning))
    console.print(table)
    console.print(
        "\nEach fault fires once; one that never fired makes the run inconclusive. "
        f"`--fault {NONE}` plants nothing, not even what the scenario plants by itself.",
        markup=False,
    )
    return int(ExitCode.EXPECTED)


def _form(kind: str, info: KindInfo) -> str:
    if not info.value:
        return kind
    return f"{kind}[={info.value}]" if info.default is not None else f"{kind}={info.value}"


def _workers() -> dict[str, str]:
    return {
        "worker-2": "the thread or process of this name",
        ANY: "whichever worker gets there first, or, at a time, the oldest",
        MAIN: "the main process; among thread workers its main thread",
    }
