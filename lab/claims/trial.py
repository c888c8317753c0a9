"""Puts claims on trial: measure, keep the samples, decide, keep the verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lab import store
from lab.claims.decide import RULES, decide
from lab.claims.measure.session import Session
from lab.errors import UsageError, suggest
from lab.model import SCHEMA_VERSION, ClaimsResult, Interpreter


def choose(words: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the claims that ``words`` name, each once; all of them for no words.

    Raises :class:`UsageError` for an id that there is not.
    """
    chosen = list(dict.fromkeys(word.upper() for word in words))
    for id_ in chosen:
        if id_ not in RULES:
            raise UsageError(
                f"no claim {id_!r}", wanted=suggest(id_, RULES), next_step="lab claims --help"
            )
    return tuple(id_ for id_ in RULES if id_ in chosen) or tuple(RULES)


def put_on_trial(
    ids: tuple[str, ...],
    *,
    quick: bool,
    output: Path,
    tell: Callable[[str], None],
    interpreter: Interpreter | None = None,
) -> ClaimsResult:
    """Measure what the claims ``ids`` need, and return the verdicts.

    Both are written to ``output/claims/<id>/``; without ``claims.json`` there the trial did not
    finish. Programs run on ``interpreter``, or on the lab's own. ``tell`` is given a line for each
    thing that is begun. Raises :class:`UsageError` when the directory may not be written.
    """
    began = time.monotonic()
    claims_id = store.new_run_id()
    root = store.claims_directory(output, claims_id)
    session = Session(root, quick=quick, tell=tell, interpreter=interpreter)
    measured = session.measure(ids)
    evidence = store.save_claims(root, measured)
    result = ClaimsResult(
        schema_version=SCHEMA_VERSION,
        id=claims_id,
        started_at=measured.started_at,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        elapsed_s=time.monotonic() - began,
        quick=quick,
        machine=measured.machine,
        claims=decide(measured, ids, evidence),
    )
    store.save_claims(root, result)
    return msgspec.structs.replace(result, directory=str(root))
