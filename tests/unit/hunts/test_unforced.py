"""What delays on free threads cannot bring about is said instead of being tried in vain."""

from __future__ import annotations

import pytest

from lab.hunt.schedule import COLLECTED, EXPIRED, PREEMPTED, Schedule, Switch
from lab.hunts.confirm import _unforced


@pytest.mark.parametrize(
    ("why", "said"),
    [(COLLECTED, "garbage collector"), (EXPIRED, "time-out"), (PREEMPTED, "")],
)
def test_events_of_the_scheduler_are_named(why, said):
    token = Schedule((Switch(0, "f+1 resume resume", 1, 0, why),), "gil").token()
    assert said in _unforced(token)
    assert bool(_unforced(token)) == bool(said)
