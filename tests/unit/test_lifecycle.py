"""The states of a trial: what may follow what, and that every abort can pass through reaping."""

import pytest

from lab.errors import LabError
from lab.lifecycle import TRANSITIONS, Lifecycle, State


def test_the_way_of_a_hang():
    seen = []
    life = Lifecycle(seen.append)
    way = ["running", "stalled", "capturing", "probing", "reaping", "checking", "done"]
    for name in way:
        life.to(State(name))
    assert seen == ["starting", *way]


@pytest.mark.parametrize("state", sorted(set(State) - {State.REAPING, State.CHECKING, State.DONE}))
def test_reaping_can_be_reached_from_every_state_with_a_target(state):
    assert State.REAPING in TRANSITIONS[state]


def test_nothing_is_done_without_reaping():
    ways = [state for state, following in TRANSITIONS.items() if State.DONE in following]
    assert set(ways) == {State.REAPING, State.CHECKING}
    into_checking = [state for state, nxt in TRANSITIONS.items() if State.CHECKING in nxt]
    assert into_checking == [State.REAPING]


def test_a_wrong_transition_is_refused_and_changes_nothing():
    life = Lifecycle(lambda _: None)
    with pytest.raises(LabError, match="from starting to done"):
        life.to(State.DONE)
    assert life.state is State.STARTING
