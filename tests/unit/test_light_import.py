"""What a target or a quick command imports stays light: its footprint and start are measured."""

import subprocess
import sys

import pytest

HEAVY = ["typer", "rich", "jinja2", "hypothesis", "pygal", "memray", "psutil", "dask"]


def loaded_after(code: str) -> set[str]:
    check = f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.split())


def test_importing_lab_loads_the_standard_library_only():
    names = loaded_after("import lab, scenarios.deadlock")
    assert not names & {*HEAVY, "msgspec"}


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"]])
def test_help_and_list_load_no_machinery(arguments):
    names = loaded_after(f"from lab.cli import run_command_line; run_command_line({arguments})")
    assert not names & {"jinja2", "hypothesis", "pygal", "memray", "psutil"}
    rooms = ("lab.report", "lab.capture", "lab.supervise", "lab.diagnose", "lab.hunt")
    assert not {name for name in names if name.startswith(rooms)}
