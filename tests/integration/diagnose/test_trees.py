"""Trees of several programs: other versions of Python, shells, managers, executors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from lab.model import Evidence
from lab.scenario import Cause


@pytest.fixture
def other() -> str:
    """Another version of Python, by its path."""
    for name in ("python3.12", "python3.13", "python3.11"):
        path = shutil.which(name)
        if path and not name.endswith(f".{sys.version_info.minor}"):
            code = "import sys; print(sys.executable)"
            found = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
            if found.returncode == 0:
                return found.stdout.strip()
    pytest.skip("there is only one version of Python")


def test_two_versions_of_python_and_a_shell_in_one_cycle(look: Callable, other: str) -> None:
    seen = look("trees.py", "mixed", other)

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE, seen.diagnosis.story
    assert len(seen.diagnosis.cycles[0]) == 3
    assert (seen.holder("main", "mixed-waits")[0] or "").startswith("sh ")
    versions = {one.process.python for one in seen.snapshot.processes}
    assert len(versions) == 3
    assert None in versions


def test_two_versions_of_which_one_works(look: Callable, other: str) -> None:
    seen = look("trees.py", "mixed_and_busy", other)

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("program", ["manager_lock", "manager_lock_twice"])
def test_a_manager_does_not_know_which_client_has_its_lock(
    look: Callable, program: str, method: str
) -> None:
    seen = look("trees.py", program, method)

    client = seen.edge("main", "proxy-wants")
    assert client.evidence is Evidence.SOURCE
    label = seen.label(client.holder) or ""
    assert label.endswith(" in SyncManager-1")
    (server,) = (o for o in seen.diagnosis.edges if o.waiter == client.holder)
    assert (server.holder, server.no_holder) == (None, None)
    assert "a manager takes it for its clients" in server.because
    assert seen.diagnosis.cycles == ()


def test_a_thread_of_an_executor_that_wants_what_its_waiter_holds(look: Callable) -> None:
    seen = look("trees.py", "executor_task")

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("main", "result-waits") == ("pool_0", None)
    assert seen.edge("main", "result-waits").evidence is Evidence.SAME_OBJECT
    assert seen.holder("pool_0", "task-wants") == ("main", seen.line("waiter-holds"))


def test_a_result_that_a_dead_worker_took_with_it(look: Callable) -> None:
    seen = look("trees.py", "lost_pool_task")

    assert seen.edge("main", "pool-waits").holder is None
    assert seen.diagnosis.cause in (Cause.UNSATISFIED_WAIT, Cause.UNKNOWN)
