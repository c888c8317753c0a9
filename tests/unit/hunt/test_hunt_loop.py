"""The hunt as its users see it: found or not, why, replayable, small, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.errors import UsageError
from lab.hunt import HuntResult, Schedule, Settings, hunt, replay
from lab.hunt.schedule import Switch, load, parse

FREE = Settings(model="free-threaded", executions=300)


class Counter:
    def __init__(self):
        self.value = 0

    def increment(self):
        seen = self.value
        self.value = seen + 1


def lost_update():
    counter = Counter()
    workers = [threading.Thread(target=counter.increment) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.value == 2


def guarded_update():
    counter = Counter()
    lock = threading.Lock()

    def increment():
        with lock:
            counter.increment()

    workers = [threading.Thread(target=increment) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.value == 2


def opposite_orders():
    left, right = threading.Lock(), threading.Lock()

    def forward():
        with left, right:
            pass

    def backward():
        with right, left:
            pass

    workers = [threading.Thread(target=target) for target in (forward, backward)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def thread_raises():
    flag = []

    def first():
        flag.append(1)

    def second():
        if flag:
            raise KeyError("late")

    workers = [threading.Thread(target=target) for target in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_a_lost_update_is_found_small_and_replayable():
    result = hunt(lost_update, FREE)
    assert result.found
    assert result.kind == "assertion"
    assert result.switches == 1
    again = replay(lost_update, result.schedule, times=10)
    assert (again.failed, again.difference) == (10, "")


def test_the_trace_shows_the_values_that_were_read_and_written():
    result = hunt(lost_update, FREE)
    seen = [(s.thread, s.action, s.value) for s in result.steps if s.what == "self.value"]
    reads, writes = seen[-4:-2], seen[-2:]
    assert [step[1:] for step in reads] == [("read", "0")] * 2
    assert [step[1:] for step in writes] == [("write", "1")] * 2
    assert {step[0] for step in reads} == {step[0] for step in writes} == {1, 2}
    assert any("preempted" in step.switch for step in result.steps)


def test_a_lost_update_without_a_call_in_between_is_not_a_gil_bug():
    result = hunt(lost_update, Settings(executions=200))
    assert result.models["free-threaded"] == "found"
    assert result.models["gil"].startswith("not found")
    assert result.model == "free-threaded"


def test_silence_says_how_much_was_seen_and_never_safe():
    result = hunt(guarded_update, FREE)
    assert not result.found
    assert result.kind is None
    assert result.executions == 300
    assert "not complete" in result.closing_line()
    assert "safe" not in result.closing_line()


def test_a_deadlock_names_who_waits_for_whom():
    result = hunt(opposite_orders, FREE)
    assert result.kind == "deadlock"
    edges = {(edge.waiter, edge.holder) for edge in result.failure.edges}
    first, second = "Thread-1 (forward)", "Thread-2 (backward)"
    assert {(first, second), (second, first)} <= edges
    stacks = {entry.thread: entry.stack for entry in result.failure.blocked}
    assert "forward" in stacks[first][-1]


def test_an_exception_in_a_thread_is_a_finding():
    result = hunt(thread_raises, FREE)
    assert result.kind == "exception"
    assert "KeyError" in result.message
    assert result.failure.thread.startswith("Thread-2")


@pytest.mark.parametrize("strategy", ["portfolio", "random", "pct", "pos", "surw"])
def test_the_same_seed_gives_the_same_hunt(strategy):
    asked = Settings(model="free-threaded", executions=400, strategy=strategy, seed=7)
    first, second = hunt(lost_update, asked), hunt(lost_update, asked)
    assert _essence(first) == _essence(second)
    assert first.found


def out_of_sight():
    """Places whose operands cannot be read count as touching anything: many groups of places."""
    seen, locks = [0], [threading.Lock() for _ in range(4)]

    def work():
        with locks[0], locks[1], locks[2], locks[3]:
            pass
        len([] if seen else (1,))
        min([1] if seen else (1,))
        max([1] if seen else (1,))
        sum([] if seen else (1,))
        seen.append(any([] if seen else (1,)))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [0, False, False]


def test_where_objects_lie_in_memory_decides_nothing():
    asked = Settings(model="free-threaded", executions=100, strategy="surw", seed=5)
    hunts = [hunt(out_of_sight, asked) for _ in range(6)]
    assert {_essence(each) for each in hunts} == {_essence(hunts[0])}


def _essence(result: HuntResult):
    return (result.executions, result.schedule, result.message, result.explored.schedules)


def test_the_summary_has_the_fields_of_the_json_object():
    summary = hunt(lost_update, FREE).summary()
    wanted = {
        "found", "kind", "message", "model", "executions", "executions_to_failure", "seconds",
        "executions_per_second", "switches", "schedule", "explored",
    }  # fmt: skip
    assert wanted <= set(summary)
    assert summary["found"] is True


def test_a_token_survives_a_new_process(tmp_path):
    result = hunt(lost_update, FREE)
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_hunt_loop import lost_update\n"
        "from lab.hunt import replay\n"
        "print(replay(lost_update, sys.argv[1], times=5).failed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, result.schedule, str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["5"]


def test_a_schedule_that_no_longer_fits_names_the_first_difference():
    plan = Schedule((Switch(1, "gone+3 write .value", 1, 2, "preempted"),), "free-threaded")
    result = replay(lost_update, plan)
    assert result.failed == 0
    assert "gone+3 write .value" in result.difference


def test_a_schedule_file_is_read_back(tmp_path):
    result = hunt(lost_update, FREE)
    schedule = parse(result.schedule)
    path = tmp_path / "schedule.json"
    schedule.save(path)
    assert load(path) == schedule
    assert replay(lost_update, path).failed == 1


@pytest.mark.parametrize("word", ["", "lab1.", "lab1.notatoken", "other.AAAA"])
def test_a_damaged_token_is_refused_with_a_remedy(word):
    with pytest.raises(UsageError) as caught:
        parse(word)
    assert "copy" in str(caught.value)


@pytest.mark.parametrize(
    "settings", [Settings(model="gill"), Settings(strategy="ptc"), Settings(executions=0)]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(UsageError):
        hunt(lost_update, settings)


def test_a_spin_loop_is_not_a_failure():
    def spins():
        state = {"ready": False}

        def waits():
            while not state["ready"]:
                pass

        def sets():
            state["ready"] = True

        workers = [threading.Thread(target=target) for target in (waits, sets)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    result = hunt(spins, Settings(model="free-threaded", executions=100))
    assert not result.found
    assert result.explored.cut_off == 0


def test_an_endless_execution_is_cut_off_and_said():
    def endless():
        thread = threading.Thread(target=lambda: None)
        thread.start()
        box = [1]
        while box:
            time.sleep(0)

    result = hunt(endless, Settings(model="free-threaded", executions=3, max_steps=2000))
    assert not result.found
    assert result.kind == "livelock"
    assert not result.conclusive


def test_code_that_decides_by_itself_is_called_nondeterministic():
    calls = []

    def unsteady():
        calls.append(1)
        counter = Counter()

        def twice():
            for _ in range(len(calls) % 3):
                counter.increment()

        workers = [threading.Thread(target=twice) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    result = hunt(unsteady, Settings(model="free-threaded", executions=60, strategy="random"))
    assert result.kind == "nondeterminism"


def test_a_body_without_threads_says_so():
    result = hunt(lambda: None, Settings(executions=2, model="gil"))
    assert any("no thread" in note for note in result.explored.notes)


RACY = """
import threading

def run():
    seen = [0]

    def increment():
        value = seen[0]
        seen[0] = value + 1

    workers = [threading.Thread(target=increment) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [2]
"""


@pytest.mark.parametrize("place", ["relative.py", "{}/linked/project/racy.py"])
def test_a_file_is_the_projects_however_it_was_found(tmp_path, monkeypatch, place):
    """As in a script that was started by a relative path, or below a link."""
    (tmp_path / "real" / "project").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    path = Path(place.format(tmp_path))
    path.write_text(RACY)
    namespace = {"__name__": "racy"}
    exec(compile(RACY, str(path), "exec"), namespace)
    assert hunt(namespace["run"], FREE).found


TWIN = """
def increment(counter):
    seen = counter.value
    counter.value = seen + 1
"""


def made_from(source):
    space = {}
    exec(compile(source, __file__, "exec"), space)
    return space["increment"]


def test_code_that_is_equal_to_other_code_is_switched_in_too():
    first, second = made_from(TWIN), made_from(TWIN)
    assert first.__code__ == second.__code__
    assert first.__code__ is not second.__code__

    def body():
        counter = SimpleNamespace(value=0)
        first(counter)  # is met, and enrolled, before the other
        workers = [threading.Thread(target=second, args=(counter,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert counter.value == 3

    assert hunt(body, FREE).kind == "assertion"
