"""What a heap profiler cannot see: pages that a forked worker copies only by reading."""

from __future__ import annotations

from lab.capture import footprint

MIB = 1 << 20
NUMBERS = 1_000_000
FLOAT_BYTES = 24


def proportional(program):
    """Return the PSS of the whole tree, in bytes."""
    return sum(sample.pss_bytes for sample in footprint.sample(program.tree, at_s=0.0))


def test_reading_a_list_after_a_fork_costs_memory_that_memray_does_not_see(start, collect):
    program = start(NUMBERS, program="cow.py", tool="memray")
    program.wait_ready()
    before = proportional(program)
    program.go()
    program.wait_ready()
    copied = proportional(program) - before
    program.kill()
    # Counting a reference writes to the object: each of two workers copies every float's page.
    assert 0.8 < copied / (2 * NUMBERS * FLOAT_BYTES) < 1.6
    uses, _ = collect(program)
    assert uses["main"].peak_bytes > NUMBERS * FLOAT_BYTES
    for worker in ("worker-1", "worker-2"):
        assert uses[worker].peak_bytes < copied / 20
