"""A file's time of check and time of use: it was not there, and now it is somebody else's.

``os.path.exists`` answers about a moment that is over. Two workers want to be the one that makes a
file, as a lock or as a reservation, and both look first.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth


def reserve(path: str) -> bool:
    """Make the file if it is not there; say whether it was made here."""
    if Path(path).exists():
        return False
    with Path(path).open("w") as file:
        file.write("mine")
    return True


def reserve_once(path: str) -> bool:
    """Ask the kernel to make the file only if it is not there."""
    try:
        with Path(path).open("x") as file:
            file.write("mine")
    except FileExistsError:
        return False
    return True


def work(start: Any, way: Any, folder: str, made: Any) -> None:
    """Try to reserve one file after the other."""
    start.wait()
    for number in range(len(made)):
        made[number] = way(f"{folder}/{number}")


def faulty(kit: Kit, tries: int) -> None:
    """Look first."""
    compete(kit, reserve, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Have the kernel look."""
    compete(kit, reserve_once, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Let two reserve the same files, and count those that both believe to have made."""
    start, made = kit.barrier(2), [kit.numbers(tries) for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            kit.worker(work, start, way, folder, mine, name=f"worker-{n}")
            for n, mine in enumerate(made, start=1)
        ]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(a + b != 1 for a, b in zip(*made, strict=True)))


def hunted() -> None:
    """One file, looked for first."""
    one_file(reserve)


def hunted_corrected() -> None:
    """One file, made by the kernel if it is not there."""
    one_file(reserve_once)


def one_file(way: Any) -> None:
    """Let two threads reserve one file."""
    made: list[bool] = []
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            threading.Thread(target=lambda: made.append(way(f"{folder}/file"))) for _ in range(2)
        ]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
    assert sorted(made) == [False, True]


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many files have two owners is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """Each file has one owner."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="file-toctou",
    title="A file's time of check and time of use",
    plants="Both workers see that the file is not there, and both make it.",
    why=(
        "The file system is memory that all threads and processes of the machine share, and no "
        "lock of a program guards it. Between the question and the deed lies a system call, at "
        "which any of them may be stopped, with the GIL or without. As a lock file it is worth "
        "nothing; where the other one is an attacker, it is a hole."
    ),
    cure="Do not ask: open the file with mode x, and take the refusal for the answer.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 1000, "files that both want", minimum=1, maximum=10000),),
    tags=("race", "file"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
