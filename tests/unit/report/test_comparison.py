"""Comparisons as values: which runs count, what they add up to, and what differs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lab.comparison import ResultSet, gather, newest
from lab.errors import InconclusiveError, UsageError
from lab.model import ClaimVerdictKind
from lab.report.comparison_charts import memory_curves, memory_table
from lab.report.comparison_page import LIMIT_BYTES
from lab.report.contrast import contrast
from lab.report.pairing import pair
from lab.scenario import Workers
from tests.unit.report import runs, sets
from tests.unit.report.structure import structure

HOLDS, FAILS = ClaimVerdictKind.HOLDS, ClaimVerdictKind.FAILS


def test_the_newest_finished_run_of_the_faulty_version_counts(tmp_path: Path) -> None:
    old = sets.record(tmp_path, id="a", started_at="2026-01-01T00:00:00Z")
    new = sets.record(tmp_path, id="b", started_at="2026-01-02T00:00:00Z")
    mended = sets.record(tmp_path, id="c", started_at="2026-01-03T00:00:00Z", corrected=True)
    begun = runs.write(
        tmp_path, [], runs.header(id="d", started_at="2026-01-04T00:00:00Z"), finished=False
    )
    assert newest([new, old, mended, begun]) == (new,)
    assert [each.header.id for each in gather(tmp_path).runs] == ["b"]


def test_one_run_is_a_set_of_results_too(tmp_path: Path) -> None:
    record = sets.record(tmp_path)
    (found,) = gather(Path(record.directory)).runs
    assert found.header == record.header


def test_claims_are_found_beside_the_runs_the_newest_of_them(tmp_path: Path) -> None:
    for name, verdict, day in (("x", FAILS, "01"), ("y", HOLDS, "02")):
        folder = tmp_path / "claims" / name
        folder.mkdir(parents=True)
        made = msgspec.structs.replace(sets.claims(verdict), started_at=f"2026-01-{day}")
        (folder / "claims.json").write_bytes(msgspec.json.encode(made))
        (folder / "measurements.json").write_bytes(msgspec.json.encode(sets.measurements()))
    found = gather(tmp_path)
    assert found.runs == ()
    assert found.claims is not None
    assert [claim.verdict for claim in found.claims.claims] == [HOLDS]
    assert found.claims.directory == str(tmp_path / "claims" / "y")
    assert found.measurements == sets.measurements()


def test_where_there_is_nothing_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InconclusiveError, match="lab run --all"):
        gather(tmp_path)
    with pytest.raises(UsageError, match="is no directory"):
        gather(tmp_path / "missing")


def test_the_totals_add_up_what_the_rows_say(tmp_path: Path) -> None:
    made = contrast(sets.whole(tmp_path), tmp_path)
    threads, processes = made.totals
    assert (threads.kind, processes.kind) == (Workers.THREADS, Workers.PROCESSES)
    for total in made.totals:
        rows = [row for fault in made.faults for row in fault.rows if row.kind is total.kind]
        assert len(rows) == 2
        right = sum(total.answered(number)[0] for number in range(1, 8))
        asked = sum(total.answered(number)[1] for number in range(1, 8))
        assert (right, asked) == total.score
        assert right == sum(row.score[0] for row in rows)
        assert asked == 14
        assert total.proved == 2
    assert any("questions" in line for line in made.headlines)


def test_a_kind_of_worker_without_a_proof_has_none_and_no_time(tmp_path: Path) -> None:
    made = contrast(ResultSet("", (sets.record(tmp_path, variants=(runs.FORK,)),)), tmp_path)
    (line,) = [line for line in made.headlines if line.startswith("Proved")]
    assert "threads none; processes 1 hang in 49 ms." in line


def test_two_sets_are_compared_over_the_faults_that_both_have(tmp_path: Path) -> None:
    both, more = sets.record(tmp_path), sets.record(tmp_path, "philosophers", id="p")
    made = pair(ResultSet("a", (both,)), ResultSet("b", (both, more)), tmp_path)
    assert made.sides[0].headlines == made.sides[1].headlines
    assert made.only_words == ("", "philosophers processes (fork), threads")
    apart = pair(ResultSet("a", (both,)), ResultSet("b", (more,)), tmp_path)
    assert [side.headlines for side in apart.sides] == [[], []]


def test_a_measurement_of_cost_is_not_counted_among_the_faults(tmp_path: Path) -> None:
    fault, cost = sets.record(tmp_path), sets.record(tmp_path, "start-up", id="s")
    info = msgspec.structs.replace(cost.header.scenario, tags=("cost",))
    cost = msgspec.structs.replace(cost, header=msgspec.structs.replace(cost.header, scenario=info))
    made = contrast(ResultSet("", (fault, cost)), tmp_path)
    assert (len(made.faults), made.planted) == (2, 1)


def test_rows_lead_to_the_page_of_their_run(tmp_path: Path) -> None:
    record = sets.record(tmp_path)
    (Path(record.directory) / "report.html").write_text("page")
    page = tmp_path / "comparison" / "now"
    (fault,) = contrast(ResultSet("", (record,)), page).faults
    assert {row.report for row in fault.rows} == {f"../../deadlock/{record.header.id}/report.html"}


def test_a_fault_that_one_side_cannot_have_says_so(tmp_path: Path) -> None:
    record = sets.record(tmp_path, variants=(runs.THREADS,))
    scenario = msgspec.structs.replace(record.header.scenario, kinds=(Workers.THREADS,))
    record = msgspec.structs.replace(
        record, header=msgspec.structs.replace(record.header, scenario=scenario)
    )
    (fault,) = contrast(ResultSet("", (record,)), tmp_path).faults
    assert fault.absent == (Workers.PROCESSES,)


def test_a_set_is_no_different_from_itself(tmp_path: Path) -> None:
    results = sets.whole(tmp_path)
    made = pair(results, results, tmp_path)
    assert len(made.pairs) == 4
    assert made.changed == []
    assert made.only == ([], [])
    assert not any(claim.differs for claim in made.claims)


def test_what_differs_is_pointed_out_and_what_is_noise_is_not(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    before = ResultSet("a", (sets.record(tmp_path),), sets.claims(HOLDS, HOLDS))
    slower = [runs.deadlocked(runs.THREADS, took_s=0.5), runs.deadlocked(runs.FORK, took_s=0.05)]
    after = ResultSet(
        "b", (sets.record(tmp_path / "b", "deadlock", *slower),), sets.claims(HOLDS, FAILS)
    )
    made = pair(before, after, tmp_path)
    (changed,) = made.changed
    assert changed.key == ("deadlock", "threads")
    assert [cell.name for cell in changed.differences] == ["to the proof"]
    assert [claim.id for claim in made.claims if claim.differs] == ["P2"]


def test_the_curves_are_medians_over_the_number_of_workers() -> None:
    curves = memory_curves(sets.measurements(), "PSS of all")
    assert list(curves) == ["threads", "processes (fork)", "processes (spawn)"]
    assert curves["threads"] == [(n, 9e6 + 30_000 * n + 2048) for n in (1, 8, 32)]
    columns, rows = memory_table(sets.measurements())
    assert columns == [1, 8, 32]
    assert len(rows) == 9


@pytest.mark.parametrize("name", sets.PAGES)
def test_the_page_is_small_and_loads_nothing(tmp_path: Path, name: str) -> None:
    page = sets.PAGES[name](tmp_path)
    assert len(page.encode()) < LIMIT_BYTES
    found = structure(page)
    assert not {tag for tag, _ in found.elements} & {"script", "img", "iframe", "object", "embed"}
    assert not any(value.startswith(("http", "//", "javascript")) for value in found.all("href"))
    assert not {name for _, given in found.elements for name in given if name.startswith("on")}
