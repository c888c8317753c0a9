"""The table of kinds names programs that are there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_program_of_the_table_is_there() -> None:
    sources = "\n".join(path.read_text() for path in (HERE / "programs").glob("*.py"))
    programs = set(re.findall(r"^(?:async )?def (\w+)", sources, re.MULTILINE))
    rows = [line.split("|") for line in (HERE / "KINDS.md").read_text().splitlines()]
    named = {
        name
        for row in rows
        if len(row) == 6
        for cell in row[3:5]
        for name in re.findall(r"`(\w+)`", cell)
    }
    assert len(named) > 60
    assert named <= programs
