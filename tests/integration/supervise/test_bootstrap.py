"""A scenario's program runs inside the target as it would by itself, or it is told why not."""

from __future__ import annotations

import signal
import sys
import textwrap
from pathlib import Path

import pytest

from lab.scenario import StartMethod, Variant, Workers
from lab.supervise import Supervisor, TargetNotReady, TargetSpec, scenario_launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containment needs Linux")

LIMIT_S = 60.0
THREADS = Variant(Workers.THREADS)
VARIANTS = [THREADS, *(Variant(Workers.PROCESSES, method) for method in StartMethod)]

HEAD = """
import os, random, sys, threading, time
from lab import Scenario, Truth, OutcomeKind, Cause

def truth(**parameters): return Truth(OutcomeKind.EXITED, Cause.NONE)
def corrected(kit, **parameters): print("corrected", kit.variant.slug, parameters)
def scenario(faulty):
    return Scenario(name="x", title="", plants="", why="", cure="", faulty=faulty,
                    corrected=corrected, truth=truth)
"""


def start(directory: Path, source: str, **changes) -> Supervisor:
    (directory / "mine.py").write_text(HEAD + textwrap.dedent(source))
    values = {
        "module": "mine",
        "path_entry": str(directory),
        "attribute": "SCENARIO",
        "corrected": False,
        "variant": THREADS,
        "parameters": {},
        "seed": 0,
    }
    spec = TargetSpec(**(values | changes))
    return Supervisor(scenario_launch(spec, output=directory, cwd=directory))


def run(directory: Path, eventually, source: str, **changes) -> tuple[int, str, str]:
    with start(directory, source, **changes) as target:
        target.wait_ready(LIMIT_S)
        target.go()
        eventually(lambda: target.poll() is not None)
        status = target.poll()
    return (
        status,
        (directory / "stdout.txt").read_text(),
        (directory / "stderr.txt").read_text(),
    )


WORKERS = """
def work(number): os.write(1, f"worker {number} {__name__}\\n".encode())
def faulty(kit, workers):
    crew = [kit.worker(work, i, name=f"w{i}") for i in range(workers)]
    for worker in crew: worker.start()
    for worker in crew: worker.join()
SCENARIO = scenario(faulty)
"""


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.slug)
def test_workers_run_by_every_start_method(variant, tmp_path, eventually):
    status, out, err = run(
        tmp_path, eventually, WORKERS, variant=variant, parameters={"workers": 2}
    )
    assert (status, err) == (0, "")
    assert sorted(out.splitlines()) == ["worker 0 mine", "worker 1 mine"]


def test_the_corrected_version_and_typed_parameters(tmp_path, eventually):
    parameters = {"n": 3, "share": 0.5, "name": "a b", "on": True}
    _, out, _ = run(tmp_path, eventually, WORKERS, corrected=True, parameters=parameters)
    assert out == f"corrected threads {parameters}\n"


def test_nothing_of_the_program_runs_before_it_is_let_go(tmp_path):
    source = "def faulty(kit): open('ran', 'w').close()\nSCENARIO = scenario(faulty)"
    with start(tmp_path, source) as target:
        target.wait_ready(LIMIT_S)
        assert target.tree() == [target.pid]
        assert target.poll() is None
    assert not (tmp_path / "ran").exists()


def test_the_program_inherits_no_descriptor_and_no_trace_of_the_handshake(tmp_path, eventually):
    source = """
    def faulty(kit):
        numbers = map(int, os.listdir("/proc/self/fd"))
        there = [number for number in numbers if os.path.exists(f"/proc/self/fd/{number}")]
        print(sorted(there), os.environ.get("LAB_HANDSHAKE"), sys.argv[1:])
    SCENARIO = scenario(faulty)
    """
    assert run(tmp_path, eventually, source)[1] == "[0, 1, 2] None []\n"


def test_the_same_seed_gives_the_same_numbers_and_hashes(tmp_path, eventually):
    source = """
    def faulty(kit): print(random.random(), hash("word"), kit.seed)
    SCENARIO = scenario(faulty)
    """
    first, again, other = (run(tmp_path, eventually, source, seed=seed)[1] for seed in (7, 7, 8))
    assert first == again != other
    assert first.split()[-1] == "7"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("raise ValueError('as it is')", 1, "ValueError: as it is"),
        ("sys.exit(5)", 5, ""),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("threading.Thread(target=lambda: (time.sleep(.01), os._exit(4))).start()", 4, ""),
    ],
)
def test_the_program_ends_in_its_own_way(body, status, says, tmp_path, eventually):
    source = f"def faulty(kit): {body}\nSCENARIO = scenario(faulty)"
    seen, _, err = run(tmp_path, eventually, source)
    assert seen == status
    assert says in err


@pytest.mark.parametrize(
    ("source", "stage", "message"),
    [
        ("1 / 0", "import", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "import", "ModuleNotFoundError"),
        ("def (", "import", "SyntaxError"),
        ("raise SystemExit(3)", "import", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "import", "KeyboardInterrupt"),
        ("", "lookup", "module mine has no attribute 'SCENARIO'"),
        ("SCENARIO = 3", "lookup", "mine:SCENARIO is a int, no Scenario"),
        ("os._exit(0)", "exit", "it exited with status 0 before it was ready"),
        ("os.kill(os.getpid(), 9)", "exit", "signal SIGKILL ended it"),
    ],
)
def test_a_program_that_cannot_be_run_says_why(source, stage, message, tmp_path):
    with start(tmp_path, source) as target, pytest.raises(TargetNotReady) as caught:
        target.wait_ready(LIMIT_S)
    assert caught.value.stage == stage
    assert message in caught.value.message
    assert "\n" not in caught.value.line()
    assert bool(caught.value.traceback) == (stage != "exit")


def test_a_program_that_never_gets_ready(tmp_path):
    with start(tmp_path, "time.sleep(1000)") as target, pytest.raises(TargetNotReady) as caught:
        target.wait_ready(0.01)
    assert caught.value.stage == "timeout"
    assert "0.01 s" in caught.value.message


WRAPPER = """
import contextlib
class Hook:
    def __init__(self, word): self.word = word
    @contextlib.contextmanager
    def main(self):
        print("before", self.word, flush=True)
        yield
        print("after", self.word, flush=True)
    def worker(self, function): return Wrapped(self.word, function)
class Wrapped:
    def __init__(self, word, function): self.word, self.function = word, function
    def __call__(self, *args):
        print("around", self.word, flush=True)
        return self.function(*args)
"""


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.slug)
def test_a_wrapper_goes_around_the_program_and_each_worker(variant, tmp_path, eventually):
    (tmp_path / "hook.py").write_text(WRAPPER)
    _, out, err = run(
        tmp_path,
        eventually,
        WORKERS,
        variant=variant,
        parameters={"workers": 1},
        wrapper="hook:Hook",
        wrapper_arguments={"word": "it"},
    )
    assert out.splitlines() == ["before it", "around it", "worker 0 mine", "after it"], err
