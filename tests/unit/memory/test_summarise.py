"""The arithmetic of footprints: totals of the tree, and what each worker added."""

from hypothesis import given
from hypothesis import strategies as st

from lab.capture.footprint import count_workers, summarise
from lab.model import FootprintSample
from lab.scenario import Workers

SIZES = st.integers(min_value=0, max_value=1 << 40)


def sample(at_s, rss, pss, uss, pid=1):
    return FootprintSample(
        at_s=at_s, pid=pid, label="", rss_bytes=rss, pss_bytes=pss, uss_bytes=uss, threads=1, fds=3
    )


def samples(at_s, sizes):
    return [sample(at_s, *three, pid=pid) for pid, three in enumerate(sizes, 1)]


MOMENT = st.lists(st.tuples(SIZES, SIZES, SIZES), min_size=1, max_size=8)


@given(before=MOMENT, after=MOMENT, between=MOMENT, workers=st.integers(1, 64))
def test_only_the_two_moments_count_and_added_times_workers_is_the_difference(
    before, after, between, workers
):
    taken = [*samples(0.5, before), *samples(0.7, between), *samples(2.0, after)]
    found = summarise(taken, baseline_s=0.5, loaded_s=2.0, workers=workers)
    assert found.samples == tuple(taken)
    assert found.baseline_pss_bytes == sum(pss for _, pss, _ in before)
    assert found.loaded_pss_bytes == sum(pss for _, pss, _ in after)
    for column, each in enumerate((found.added_rss_bytes, found.added_pss_bytes)):
        difference = sum(row[column] for row in after) - sum(row[column] for row in before)
        assert abs(each * workers - difference) <= workers / 2


@given(before=MOMENT, after=MOMENT, workers=st.integers(1, 64))
def test_uss_is_what_each_process_has_gained_for_itself(before, after, workers):
    taken = [*samples(0.5, before), *samples(2.0, after)]
    found = summarise(taken, baseline_s=0.5, loaded_s=2.0, workers=workers)
    had = [uss for _, _, uss in before] + [0] * len(after)
    gained = sum(max(0, uss - own) for (_, _, uss), own in zip(after, had, strict=False))
    assert abs(found.added_uss_bytes * workers - gained) <= workers / 2


def test_a_fork_that_shares_its_parents_pages_takes_nothing_back_from_the_workers():
    before = [sample(0.0, 9, 9, 9)]
    after = [sample(1.0, 9, 4, 2), sample(1.0, 9, 5, 3, pid=2)]
    found = summarise([*before, *after], baseline_s=0.0, loaded_s=1.0, workers=1)
    assert found.added_uss_bytes == 3


def test_a_single_moment_has_nothing_added():
    found = summarise([sample(0.0, 3, 2, 1)], baseline_s=0.0, loaded_s=0.0, workers=1)
    assert (found.added_rss_bytes, found.added_pss_bytes, found.added_uss_bytes) == (None,) * 3


@given(before=MOMENT, after=MOMENT, hidden=st.data())
def test_one_hidden_figure_hides_the_total_and_not_the_others(before, after, hidden):
    number = hidden.draw(st.integers(0, len(after) - 1))
    rss, _, uss = after[number]
    after = [*after[:number], (rss, None, uss), *after[number + 1 :]]
    taken = [*samples(0.0, before), *samples(1.0, after)]
    found = summarise(taken, baseline_s=0.0, loaded_s=1.0, workers=2)
    assert found.loaded_pss_bytes is None
    assert found.added_pss_bytes is None
    assert found.baseline_pss_bytes is not None
    assert found.added_uss_bytes is not None
    assert found.added_rss_bytes is not None


@given(before=MOMENT, after=MOMENT)
def test_a_tree_that_shrinks_gives_the_negative(before, after):
    taken = [*samples(0.0, before), *samples(1.0, after)]
    forth = summarise(taken, baseline_s=0.0, loaded_s=1.0, workers=1)
    back = summarise(taken, baseline_s=1.0, loaded_s=0.0, workers=1)
    assert forth.added_pss_bytes == -back.added_pss_bytes


def test_a_moment_that_was_not_sampled_has_no_total():
    found = summarise([sample(0.0, 3, 2, 1)], baseline_s=0.0, loaded_s=1.0, workers=2)
    assert found.baseline_pss_bytes == 2
    assert found.loaded_pss_bytes is None
    assert found.added_rss_bytes is None


def test_without_workers_nothing_was_added_by_any():
    taken = [sample(0.0, 3, 2, 1), sample(1.0, 6, 4, 2)]
    found = summarise(taken, baseline_s=0.0, loaded_s=1.0, workers=0)
    assert found.added_pss_bytes is None
    assert found.loaded_pss_bytes == 4


def test_no_sample_at_all_is_no_error():
    found = summarise([], baseline_s=0.0, loaded_s=0.0, workers=2)
    assert found.samples == ()
    assert found.baseline_pss_bytes is None


def seen(at_s, pid, threads=1, label="python"):
    return FootprintSample(
        at_s=at_s, pid=pid, label=label, rss_bytes=9, pss_bytes=9, uss_bytes=9, threads=threads,
        fds=3,
    )  # fmt: skip


def test_threads_are_counted_in_the_processes_that_were_there_before():
    taken = [seen(0.0, 1), seen(1.0, 1, threads=4), seen(1.0, 2, threads=7)]
    assert count_workers(taken, baseline_s=0.0, loaded_s=1.0, kind=Workers.THREADS) == 3


def test_processes_are_counted_without_the_helpers_of_multiprocessing():
    new = [seen(1.0, 3, label="resource tracker"), seen(1.0, 4, label="forkserver"), seen(1.0, 5)]
    taken = [seen(0.0, 1), seen(1.0, 1, threads=4), seen(1.0, 2), *new]
    assert count_workers(taken, baseline_s=0.0, loaded_s=1.0, kind=Workers.PROCESSES) == 2


def test_a_program_that_was_seen_without_workers_has_none():
    for kind in Workers:
        for taken in ([seen(0.0, 1)], [seen(0.0, 1, threads=2), seen(1.0, 1)]):
            assert count_workers(taken, baseline_s=0.0, loaded_s=1.0, kind=kind) == 0
