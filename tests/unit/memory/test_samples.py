"""Which moment counts as the one with all the workers."""

from __future__ import annotations

from lab.model import FootprintSample
from lab.sampling import Samples
from lab.scenario import Workers


def at(at_s, pss, threads):
    return FootprintSample(
        at_s=at_s, pid=1, label="", rss_bytes=pss, pss_bytes=pss, uss_bytes=pss, threads=threads,
        fds=3,
    )  # fmt: skip


def test_the_moment_with_most_workers_counts_and_not_the_heaviest():
    samples = Samples()
    samples._samples = [at(0.0, 10, 1), at(1.0, 30, 3), at(2.0, 34, 3), at(3.0, 50, 1)]
    found = samples.summary(Workers.THREADS)
    assert (found.workers, found.loaded_pss_bytes, found.added_pss_bytes) == (2, 34, 12)


def test_nothing_is_said_of_workers_that_were_not_seen():
    samples = Samples()
    samples._samples = [at(0.0, 10, 1), at(1.0, 90, 1)]
    found = samples.summary(Workers.THREADS)
    assert (found.workers, found.added_pss_bytes) == (0, None)
