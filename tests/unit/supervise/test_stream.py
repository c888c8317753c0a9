"""A stream keeps head and tail within its cap, and counts the rest."""

from __future__ import annotations

import os

import pytest

from lab.supervise.shim import Stream


def feed(directory, cap, *pieces):
    stream = Stream("stdout", str(directory), cap)
    for piece in pieces:
        os.write(stream.writer, piece)
        assert stream.drain()
    os.close(stream.writer)
    assert not stream.drain()
    described = stream.finish()
    os.close(stream.reader)
    return described, (directory / "stdout.txt").read_bytes()


def test_what_fits_is_kept_whole(tmp_path):
    described, kept = feed(tmp_path, 10, b"abc", b"defghij")
    assert kept == b"abcdefghij"
    assert described == {"stream": "stdout", "total": 10, "kept": 10}


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_middle_is_cut_and_the_cut_is_told(tmp_path, size):
    data = bytes(range(97, 123)) * 4
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    described, kept = feed(tmp_path, 11, *pieces)
    assert kept == data[:6] + b"\n[... 93 bytes cut ...]\n" + data[-5:]
    assert described == {"stream": "stdout", "total": 104, "kept": 11}


def test_nothing_may_be_kept(tmp_path):
    described, kept = feed(tmp_path, 0, b"abc")
    assert kept == b"\n[... 3 bytes cut ...]\n"
    assert described["kept"] == 0


def test_the_writer_still_blocks(tmp_path):
    stream = Stream("stdout", str(tmp_path), 10)
    assert os.get_blocking(stream.writer)
    assert not os.get_blocking(stream.reader)
    os.close(stream.writer)
    stream.finish()
    os.close(stream.reader)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_counted_as_cut(tmp_path):
    (tmp_path / "stdout.txt").symlink_to("/dev/full")
    stream = Stream("stdout", str(tmp_path), 10)
    os.write(stream.writer, b"abc")
    os.close(stream.writer)
    assert stream.finish() == {"stream": "stdout", "total": 3, "kept": 0}
    os.close(stream.reader)
