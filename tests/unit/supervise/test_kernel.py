"""The small readers behind a look at blocked threads, on this very process."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import sys

import pytest

from lab import procfs
from lab.kernel import thread_waits
from lab.kernel.inet import Address, Inet
from lab.kernel.sets import epoll_set, poll_set, select_set
from lab.kernel.sockdiag import unix_peer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ME = os.getpid()


def inode(channel: socket.socket) -> int:
    return os.fstat(channel.fileno()).st_ino


def test_the_set_of_a_poll_skips_negative_descriptors():
    raw = ctypes.create_string_buffer(struct.pack("=ihhihhihh", 5, 1, 0, -1, 1, 0, 900, 4, 0))
    assert poll_set(ME, ctypes.addressof(raw), 3) == {5: "r", 900: "w"}


def test_a_set_that_cannot_be_read_is_not_known():
    assert poll_set(ME, 0, 3) is None
    assert select_set(ME, 3, (8,)) is None
    assert poll_set(ME, 0, 1 << 40) is None


def test_the_sets_of_a_select():
    first = ctypes.create_string_buffer(struct.pack("=QQ", 1 << 3, 1 << 1))
    second = ctypes.create_string_buffer(struct.pack("=QQ", 1 << 9, 1 << 2))
    addresses = (ctypes.addressof(first), 0, ctypes.addressof(second))
    assert select_set(ME, 66, addresses) == {3: "r", 9: "r", 65: "r"}
    assert select_set(ME, 67, addresses) == {3: "r", 9: "r", 65: "r", 66: "r"}


def test_the_set_of_an_epoll():
    reader, writer = os.pipe()
    with select.epoll() as epoll:
        epoll.register(reader, select.EPOLLIN)
        assert epoll_set(ME, epoll.fileno()) == {reader: "r"}
    os.close(reader)
    os.close(writer)


def test_an_entry_that_outlived_its_descriptor_makes_the_set_unknown():
    reader, writer = os.pipe()
    duplicate = os.dup(reader)
    other = os.open(os.devnull, os.O_RDONLY)
    with select.epoll() as epoll:
        epoll.register(reader, select.EPOLLIN)
        os.dup2(other, reader)
        assert epoll_set(ME, epoll.fileno()) is None
    for fd in (reader, writer, duplicate, other):
        os.close(fd)


def test_the_other_end_of_a_socket_pair():
    a, b = socket.socketpair()
    with a, b:
        assert unix_peer(inode(a)) == inode(b)
        assert unix_peer(inode(b)) == inode(a)
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with a, b:
        assert unix_peer(inode(a)) is None
    assert unix_peer(4_000_000_000) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_other_end_of_a_tcp_connection(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port)) as client:
            before = Inet(ME)
            assert before.peer(inode(client)) is None, "nobody has accepted it"
            listener = before.get(inode(server))
            assert listener is not None
            assert listener.state == "listening"
            assert before.listener(Address(host, port)) == listener
            channel, _ = server.accept()
            with channel:
                after = Inet(ME)
                assert after.peer(inode(client)) == inode(channel)
                assert after.peer(inode(channel)) == inode(client)
                assert after.peer(inode(server)) is None
    assert Inet(ME).get(4_000_000_000) is None


def test_the_running_thread_is_not_closed():
    (wait,) = (wait for wait in thread_waits([ME]) if wait.tid == ME)
    assert not wait.closed
    assert wait.because
    assert wait.runs > 0


def test_what_is_gone_reads_as_nothing():
    gone = 1 << 22  # the largest pid_max, so that no process can have it
    assert thread_waits([gone]) == ()
    assert procfs.memory(gone, 0, 1) is None
    assert procfs.fd_info(gone, 0) == {}
    assert procfs.unix_sockets(gone) == {}
    assert procfs.thread_name(gone, gone) == ""
    assert not procfs.is_hidden(gone)
