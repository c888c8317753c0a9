"""How soon a deadlock is proved, and what the whole run costs, beside what people use today.

The peers run the same program: GNU ``timeout`` and pytest-timeout wait for a limit that somebody
had to guess, so their time is that limit and what they add to it; what they say is printed too.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_S = 2
"""The limit that the peers are given; it is printed with their figures."""

PATIENCE_S = 10
"""How long a peer may take in all: one that reports the hang may itself hang on the threads."""

PROGRAM = """
from lab import Kit, Variant, Workers
from scenarios.deadlock import faulty

def test_transfer():
    faulty(Kit(Variant(Workers.THREADS)), workers=2)

if __name__ == "__main__":
    test_transfer()
"""


def main(arguments: list[str]) -> None:
    """Print the figures; ``arguments`` may hold the number of repeats (default 30)."""
    repeats = int(arguments[0]) if arguments else 30
    with tempfile.TemporaryDirectory() as scratch:
        record = run_lab(Path(scratch), repeats)
        print_proofs(record)
        print_healthy(run_lab(Path(scratch), repeats, "--corrected"))
        print_whole_run(Path(scratch))
        print_page(Path(record["directory"]))
        print_peers(Path(scratch))


def run_lab(output: Path, repeats: int, *options: str) -> dict:
    """Run the scenario in every variant and return the JSON record."""
    command = [sys.executable, "-m", "lab", "run", "deadlock", "--json", "--no-heap"]
    for method in ("fork", "forkserver", "spawn"):
        command += ["--start-method", method]
    command += ["--repeat", str(repeats), "--output", str(output), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout)


def print_proofs(record: dict) -> None:
    """Print, for each variant, how many trials were right and how soon they were proved."""
    print(
        "variant                  right   left behind   last progress to proof, ms (min median max)"
    )
    groups: dict[str, list[dict]] = {}
    for trial in record["result"]["trials"]:
        variant = trial["variant"]
        label = variant["start_method"] or variant["workers"]
        groups.setdefault(label, []).append(trial)
    for label, trials in groups.items():
        right = sum(trial["verdict"]["kind"] == "as-expected" for trial in trials)
        left = sum(len(trial["reaped"]["survivors"]) for trial in trials)
        proofs = [trial["outcome"]["proof"] for trial in trials if trial["outcome"].get("proof")]
        times = sorted((proof["proved_s"] - proof["last_progress_s"]) * 1e3 for proof in proofs)
        spread = (
            f"{times[0]:.0f} {statistics.median(times):.0f} {times[-1]:.0f}" if times else "none"
        )
        print(f"{label:<24} {right}/{len(trials):<6} {left:<13} {spread}")


def print_healthy(record: dict) -> None:
    """Print how many trials of the corrected version ended healthy."""
    trials = record["result"]["trials"]
    healthy = sum(trial["verdict"]["kind"] == "as-expected" for trial in trials)
    print(f"corrected version, all variants: {healthy}/{len(trials)} healthy")


def print_whole_run(output: Path) -> None:
    """Print what ``lab run deadlock`` takes from the shell, captures and report included."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        command = [sys.executable, "-m", "lab", "run", "deadlock", "--output", str(output)]
        subprocess.run(command, capture_output=True, check=False)
        times.append(time.perf_counter() - began)
    print(f"\nlab run deadlock, both variants, stacks, heap and report: {_spread(times)} s")


def print_page(directory: Path) -> None:
    """Print what building the page of a finished run takes, and its size."""
    from lab.report import html
    from lab.store import load

    times = []
    for _ in range(3):
        record = load(directory)
        began = time.perf_counter()
        page = html.render(record)
        times.append(time.perf_counter() - began)
    trials = len(record.result.trials)
    print(f"report of {trials} trials: {_spread(times)} s, {len(page.encode()) / 1000:.0f} KB")


def print_peers(scratch: Path) -> None:
    """Print what GNU timeout and pytest-timeout do with the same program."""
    program = scratch / "test_program.py"
    program.write_text(PROGRAM)
    peers = {
        "pytest-timeout": [
            sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-c", "/dev/null",
            f"--rootdir={scratch}", f"--timeout={LIMIT_S}", str(program),
        ],
    }  # fmt: skip
    if shutil.which("timeout"):
        peers["GNU timeout"] = ["timeout", str(LIMIT_S), sys.executable, str(program)]
    print(f"\nthe peers, with a limit of {LIMIT_S} s:")
    for name, command in peers.items():
        print(f"{name:<16} {peer(command)}")


def peer(command: list[str]) -> str:
    """Run a peer, for :data:`PATIENCE_S` at most, and say what it did and what it named."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=PATIENCE_S)
        ending = f"{time.perf_counter() - began:.2f} s, exit {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        ending = f"reported, and then did not end within {PATIENCE_S} s"
    named = "worker-1" in said and "worker-2" in said
    return (
        f"{ending}; {len(said)} bytes of output; both workers named: {'yes' if named else 'no'}; "
        f"holders named: {'yes' if 'holds' in said else 'no'}"
    )


def _spread(times: list[float]) -> str:
    return f"{min(times):.2f} / {statistics.median(times):.2f} / {max(times):.2f} (min/median/max)"
