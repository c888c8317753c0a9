"""The heap pass of the real scenario under the real supervisor: it must be seen to hang."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lab.capture import heap
from lab.capture.tracker import INSTRUMENT_THREAD
from lab.model import CaptureStatus
from lab.scenario import StartMethod, Variant, Workers
from lab.supervise import Supervisor, TargetSpec, Watchdog, scenario_launch

ROOT = Path(__file__).parents[3]
LIMIT_S = 60.0
VARIANTS = [
    Variant(Workers.THREADS),
    *(Variant(Workers.PROCESSES, method) for method in StartMethod),
]


def launch(directory, variant, tool):
    wrapper, arguments = heap.wrapper_for(directory, tool=tool)
    spec = TargetSpec(
        module="scenarios.deadlock",
        path_entry=str(ROOT),
        attribute="SCENARIO",
        corrected=False,
        variant=variant,
        parameters={"workers": 2},
        seed=0,
        wrapper=wrapper,
        wrapper_arguments=arguments,
    )
    return scenario_launch(spec, output=directory, cwd=directory)


def wait_for_the_hang(target):
    """Wait until it is proved that nothing of the program can run again."""
    watchdog = Watchdog(
        target.tree,
        outside=(os.getpid(), target.shim_pid),
        instruments=(INSTRUMENT_THREAD,),
    )
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        progress = watchdog.poll()
        if progress.proof:
            return
        time.sleep(0.005)
    raise AssertionError(f"no hang; the last look: {progress}")


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.slug)
@pytest.mark.parametrize("tool", ["memray", "tracemalloc"])
def test_a_measured_deadlock_is_still_seen_and_its_heaps_are_had(tmp_path, variant, tool):
    with Supervisor(launch(tmp_path, variant, tool)) as target:
        target.wait_ready(LIMIT_S)
        target.go()
        wait_for_the_hang(target)
        heap.request(target.tree(), directory=tmp_path, deadline_s=LIMIT_S)
        reaped = target.kill()
    assert reaped.survivors == ()
    uses, reports = heap.collect(tmp_path, run_root=tmp_path, deadline_s=LIMIT_S, flamegraphs=False)
    assert {report.status for report in reports} == {CaptureStatus.OK}, reports
    labels = {use.label for use in uses}
    threads_of_tracemalloc = tool == "tracemalloc" and variant.workers is Workers.THREADS
    assert labels >= ({"main"} if threads_of_tracemalloc else {"main", "worker-1", "worker-2"})
    assert not [use for use in uses if use.tool.split()[0] != tool]
