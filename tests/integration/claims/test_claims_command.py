"""``lab claims`` as its users run it: words, files, exit codes, an interrupt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lab import procfs, store
from lab.claims.decide import decide
from lab.cli.claims import print_claims
from lab.model import ClaimsResult, ClaimVerdictKind, Measurements
from tests.integration.lab_command import LIMIT_S, command, lab
from tests.integration.test_other_interpreter import other_interpreter
from tests.unit.claims.recorded import single_cpu


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    output = tmp_path_factory.mktemp("reports")
    return lab("claims", "--quick", "--json", "P4", "--output", output), output


def test_a_claim_is_measured_decided_and_printed(done):
    ended, output = done
    assert ended.code == 0, ended.err
    result = msgspec.json.decode(ended.out.encode(), type=ClaimsResult)
    (claim,) = result.claims
    assert (claim.id, claim.verdict) == ("P4", ClaimVerdictKind.LIMITED)
    assert any(figure.decides for figure in claim.figures)
    assert result.machine.cpus >= 1
    assert Path(result.directory).parent == output / "claims"


def test_its_files_lead_from_the_verdict_to_the_samples(done):
    ended, _ = done
    result = msgspec.json.decode(ended.out.encode(), type=ClaimsResult)
    root = Path(result.directory)
    samples = (root / result.claims[0].evidence).read_bytes()
    measured = msgspec.json.decode(samples, type=Measurements)
    assert decide(measured, ["P4"], "measurements.json") == result.claims
    page = (root / store.REPORT).read_text()
    assert result.claims[0].claim in page
    assert 'href="measurements.json"' in page


def test_progress_goes_to_stderr(done):
    ended, _ = done
    told = [line for line in ended.err.splitlines() if line.startswith("measuring")]
    assert told == ["measuring isolation", "measuring payload"]


def test_the_comparison_finds_it(done):
    _, output = done
    compared = lab("compare", "--json", "--output", output)
    assert compared.code == 0, compared.err
    assert compared.json["claims"][0]["claims"][0]["id"] == "P4"


def test_another_interpreter_can_be_put_on_trial(tmp_path):
    other = other_interpreter()
    if not other:
        pytest.skip("no other supported Python is here")
    ended = lab("claims", "--quick", "--json", "G1", "--python", other, "--output", tmp_path)
    assert ended.code in (0, 4), ended.err  # 4 where other programs use the CPUs
    machine = ended.json["machine"]
    assert machine["python"] != sys.version.split()[0]
    assert machine["executable"] != sys.executable
    (root,) = tmp_path.glob("claims/*")
    measured = msgspec.json.decode((root / store.MEASUREMENTS).read_bytes(), type=Measurements)
    assert measured.missing == ()
    assert {series.program for series in measured.series} == {"cpu-bound", "io-bound", "race"}


def test_an_unknown_id_is_refused_before_anything_runs(tmp_path):
    ended = lab("claims", "p4", "X9", "--output", tmp_path)
    assert ended.code == 2
    assert "no claim 'X9'; wanted: one of G1, P1" in ended.complaint
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    ended = lab("claims", "P4", "--quick", "--output", tmp_path / "file")
    assert ended.code == 2
    assert "cannot write" in ended.complaint


def test_an_interrupt_leaves_nothing(tmp_path, eventually):
    words = command("claims", "--quick", "P1", "--output", tmp_path)
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        eventually(lambda: list(tmp_path.glob("claims/*/captures/*/observed.jsonl")))
        tree = procfs.descendants(process.pid)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "interrupted" in complaint
    assert not [pid for pid in tree if procfs.stat(pid)]
    assert not list(tmp_path.glob("claims/*/claims.json"))


def test_verdicts_in_words(capsys, tmp_path):
    from lab.cli import consoles

    measured = single_cpu().close()
    result = ClaimsResult(
        schema_version=1, id="x", started_at="", finished_at="", elapsed_s=12.0, quick=True,
        machine=measured.machine, directory=str(tmp_path),
        claims=decide(measured, ["P1", "G1"], "measurements.json"),
    )  # fmt: skip
    print_claims(result, consoles.results(), tmp_path / "report.html")
    said = capsys.readouterr().out
    assert "CPython 3.13.0 with GIL, 1 CPU(s), Linux; 12 s" in said
    assert "✗ does not hold here" in said
    assert "? not measurable here" in said
    assert "speed-up of n = max(2, CPUs) workers over 1" in said


@pytest.mark.parametrize("name", ["claims", "measurements"])
def test_the_records_have_a_schema(name):
    assert json.loads(lab("schema", name).out)["$ref"]
