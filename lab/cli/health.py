"""``lab doctor``: what this machine allows, and how to mend what it does not."""

from __future__ import annotations

import dataclasses
import json

from rich.console import Console
from rich.markup import escape

from lab import doctor
from lab.cli import consoles
from lab.errors import ExitCode

_MARKS = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]fail[/red]"}


def print_health(*, browser: bool, as_json: bool) -> int:
    """Print the findings; exit code 1 when one of them keeps the lab from its work."""
    findings = doctor.examine(browser=browser)
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            _print_finding(finding, consoles.results())
    failed = any(finding.status == "fail" for finding in findings)
    return int(ExitCode.DEVIATED if failed else ExitCode.EXPECTED)


def _print_finding(finding: doctor.Finding, console: Console) -> None:
    console.print(f"{_MARKS[finding.status]} {escape(finding.name)}: {escape(finding.seen)}")
    if finding.status != "ok":
        console.print(f"     means: {escape(finding.means)}")
        console.print(f"     mend:  {escape(finding.mend)}")
