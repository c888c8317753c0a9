"""A scenario of one's own whose truth differs between threads and processes, and has figures."""

from tests.integration.lab_command import lab

SOURCE = """
from lab import Cause, Kit, Observed, OutcomeKind, Scenario, Truth, Variant, Workers

SEEN = []


def add():
    SEEN.append(1)


def program(kit: Kit) -> None:
    worker = kit.worker(add, name="worker-1")
    worker.start()
    worker.join()
    kit.observe("items seen", len(SEEN))


def truth(variant: Variant) -> Truth:
    seen = 1 if variant.workers is Workers.THREADS else 0
    return Truth(OutcomeKind.EXITED, observed=(Observed("items seen", seen, seen),))


def never(variant: Variant) -> Truth:
    return Truth(OutcomeKind.EXITED, observed=(Observed("items seen", 5),))


SCENARIO = Scenario(
    name="own-figures",
    title="A list filled by a worker",
    plants="Nothing.",
    why="A process has its own memory.",
    cure="None.",
    faulty=program,
    corrected=program,
    truth=truth,
    healthy=never,
)
"""


def test_the_truth_may_differ_between_variants(tmp_path):
    (tmp_path / "own.py").write_text(SOURCE)
    ended = lab("run", "./own.py", "--no-heap", "--json", cwd=tmp_path)
    assert ended.code == 0, ended.err
    record = ended.json
    seen = {t["variant"]["workers"]: t["observed"] for t in record["result"]["trials"]}
    assert [o["value"] for o in seen["threads"]] == [1.0]
    assert [o["value"] for o in seen["processes"]] == [0.0]
    assert len(record["header"]["expectations"]) == 2
    shown = lab("show", "./own.py", cwd=tmp_path).out
    assert "the program reports items seen: 1" in shown
    assert "the program reports items seen: 0" in shown


def test_the_corrected_version_may_have_a_truth_of_its_own(tmp_path):
    (tmp_path / "own.py").write_text(SOURCE)
    ended = lab("run", "./own.py", "--corrected", "--no-heap", cwd=tmp_path)
    assert ended.code == 1, ended.err
    assert "items seen" in ended.out
    (page,) = (tmp_path / "reports").rglob("report.html")
    text = page.read_text()
    assert "at least 5" in text
    assert "Reported by the program itself" in text
