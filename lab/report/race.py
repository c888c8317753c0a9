"""The hunt of a race in words, for the terminal and the page of its run."""

from __future__ import annotations

from lab.model import Hunted
from lab.report.interleaving import models_words
from lab.report.words import counted


def facts(hunted: Hunted) -> list[tuple[str, str]]:
    """Return (label, words) for what the hunt found, or did not find."""
    if hunted.inconclusive:
        return [("Hunted", f"inconclusive: {hunted.inconclusive}")]
    if not hunted.found:
        return [("Hunted", f"nothing found, which is no proof: {hunted.explored}")]
    found = f"found after {counted(hunted.executions, 'execution')}"
    if hunted.switches is not None:
        found += f", by {counted(hunted.switches, 'switch', 'switches')}"
    return [
        ("Hunted", f"{found}: {hunted.message}"),
        ("Can happen", models_words(hunted.models)),
        ("Replayed", f"failed in {hunted.replayed} of {counted(hunted.replays, 'replay')}"),
        ("Confirmed", _confirmed(hunted)),
    ]


def _confirmed(hunted: Hunted) -> str:
    if hunted.unconfirmed:
        return f"no: {hunted.unconfirmed}"
    tries = counted(hunted.tries, "try", "tries")
    return f"failed in {hunted.confirmed} of {tries} on free threads, held up at the switches only"
