"""Sockets, pipes and select under control: a block on the test's own is a scheduled wait."""

from __future__ import annotations

import asyncio
import functools
import http.client
import http.server
import multiprocessing
import os
import select
import selectors
import socket
import socketserver
import threading
import time

import pytest

from lab.hunt import Settings, hunt, replay
from tests.unit.hunt import bodies
from tests.unit.hunt.bodies import run_all

silent = functools.partial(bodies.silent, executions=60)


def found(body, kind, model="gil", executions=300, **more):
    result = bodies.found(body, kind, model=model, executions=executions, **more)
    assert replay(body, result.schedule, Settings(**more), times=5).failed == 5
    return result


def exactly(sock, length):
    data = b""
    while len(data) < length:
        data += sock.recv(length - len(data))
    return data


def close(*files):
    for file in files:
        file.close()


# -- correct programs


def test_a_socket_pair_carries_what_is_sent_in_order():
    def body():
        ours, theirs = socket.socketpair()
        got = []

        def send():
            for word in (b"one", b"two"):
                theirs.sendall(word)

        run_all(send, lambda: got.append(exactly(ours, 6)))
        close(ours, theirs)
        assert got == [b"onetwo"]

    silent(body)


def test_more_than_a_socket_holds_waits_for_the_reader():
    def body():
        ours, theirs = socket.socketpair()
        whole, got = b"x" * 1_000_000, []

        def send():
            theirs.sendall(whole)
            theirs.close()

        def receive():
            with ours.makefile("rb") as file:
                got.append(file.read())

        run_all(send, receive)
        ours.close()
        assert got == [whole]

    silent(body, executions=10)


def test_a_pipe_carries_more_than_it_holds():
    def body():
        out, into = os.pipe()
        got = []

        def write():
            assert os.write(into, b"y" * 200_000) == 200_000
            os.close(into)

        def read():
            while data := os.read(out, 65536):
                got.append(len(data))

        run_all(write, read)
        os.close(out)
        assert sum(got) == 200_000

    silent(body, executions=10)


def test_a_loopback_server_answers_its_clients():
    def body():
        server = socket.create_server(("127.0.0.1", 0))
        answers = []

        def serve():
            for _ in range(2):
                client, _ = server.accept()
                with client:
                    client.sendall(exactly(client, 1).upper())

        def ask(word):
            with socket.create_connection(server.getsockname()) as client:
                client.sendall(word)
                answers.append(exactly(client, 1))

        run_all(serve, lambda: ask(b"a"), lambda: ask(b"b"))
        server.close()
        assert sorted(answers) == [b"A", b"B"]

    silent(body)


def test_datagrams_arrive():
    def body():
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
        ):
            ours.bind(("127.0.0.1", 0))
            got = []
            run_all(
                lambda: got.append(ours.recvfrom(10)[0]),
                lambda: theirs.sendto(b"hello", ours.getsockname()),
            )
            assert got == [b"hello"]

    silent(body)


def test_a_server_of_the_library_and_its_client():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    def body():
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            client = http.client.HTTPConnection(*server.server_address[:2])
            client.request("GET", "/")
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, b"ok")
            client.close()
            server.shutdown()
            thread.join()

    silent(body, executions=15)


@pytest.mark.parametrize(
    "kind", ["SelectSelector", "PollSelector", "EpollSelector", "DefaultSelector"]
)
def test_a_selector_wakes_for_what_is_ready(kind):
    def body():
        ours, theirs = socket.socketpair()
        with getattr(selectors, kind)() as selector:
            selector.register(ours, selectors.EVENT_READ, "ours")
            seen = []

            def watch():
                while not (ready := selector.select(timeout=30)):
                    pass
                seen.extend(key.data for key, _ in ready)

            run_all(watch, lambda: theirs.send(b"x"))
        close(ours, theirs)
        assert seen == ["ours"]

    silent(body)


def test_time_outs_are_virtual():
    def body():
        ours, theirs = socket.socketpair()
        ours.settimeout(1000)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ours.recv(1)
        assert select.select([ours], [], [], 500) == ([], [], [])
        assert select.select([], [], [], 500) == ([], [], [])
        watcher = select.poll()
        watcher.register(ours, select.POLLIN)
        assert watcher.poll(1_000_000) == []
        assert 3000 <= time.monotonic() - began < 3001
        close(ours, theirs)

    silent(body, executions=5)


def test_what_does_not_block_does_not_wait():
    def body():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        out, into = os.pipe2(os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            os.read(out, 1)
        os.close(out)
        with pytest.raises(BrokenPipeError):
            os.write(into, b"x")
        os.close(into)
        theirs.close()
        assert ours.recv(1) == b""
        ours.close()

    silent(body, executions=5)


def test_an_event_loop_in_a_thread_is_called_from_another():
    def body():
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        async def answer():
            await asyncio.sleep(0.01)
            return 42

        future = asyncio.run_coroutine_threadsafe(answer(), loop)
        assert future.result() == 42
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    silent(body, executions=20)


def test_a_connection_of_multiprocessing_between_threads():
    def body():
        ours, theirs = multiprocessing.Pipe()
        got = []
        run_all(lambda: theirs.send({"a": 1}), lambda: got.append(ours.recv()))
        close(ours, theirs)
        assert got == [{"a": 1}]

    silent(body)


# -- buggy programs


def test_two_readers_that_each_want_the_whole_are_a_deadlock():
    def body():
        ours, theirs = socket.socketpair()
        theirs.sendall(b"abcd")
        run_all(lambda: exactly(ours, 2), lambda: exactly(ours, 3))

    result = found(body, "deadlock")
    assert "waits for data from the socket pair made in" in result.message
    assert any("exactly" in line for each in result.failure.blocked for line in each.stack)


def test_a_check_before_a_read_loses_the_race_for_the_last_byte():
    def body():
        ours, theirs = socket.socketpair()
        theirs.send(b"x")

        def take():
            if select.select([ours], [], [], 0)[0]:
                ours.recv(1)

        run_all(take, take)
        close(ours, theirs)

    found(body, "deadlock")


def test_writes_that_are_made_of_pieces_mix():
    def body():
        out, into = os.pipe()

        def write(word):
            os.write(into, word)
            os.write(into, word)

        run_all(lambda: write(b"a"), lambda: write(b"b"))
        data = os.read(out, 10)
        os.close(out)
        os.close(into)
        assert data in (b"aabb", b"bbaa")

    assert found(body, "assertion").switches == 1


def test_a_server_that_counts_without_a_lock_loses_a_client():
    class Server(socketserver.ThreadingTCPServer):
        seen = 0

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            before = self.server.seen
            self.request.sendall(b"k")
            self.server.seen = before + 1

    def body():
        with Server(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()

            def ask():
                with socket.create_connection(server.server_address) as client:
                    client.recv(1)

            run_all(ask, ask)
            server.shutdown()
            thread.join()
        assert server.seen == 2

    found(body, "assertion")


def test_a_pipe_that_is_never_closed_keeps_its_reader():
    def body():
        out, into = os.pipe()
        run_all(lambda: os.read(out, 1))
        os.close(into)

    result = found(body, "deadlock", executions=1)
    assert "data from the pipe made in" in result.message


def test_the_real_calls_are_back_after_a_hunt():
    before = (socket.socketpair, os.read, select.poll, selectors.PollSelector._selector_cls)
    recv = socket.socket.recv
    hunt(lambda: None, Settings(executions=1))
    after = (socket.socketpair, os.read, select.poll, selectors.PollSelector._selector_cls)
    assert before == after
    assert socket.socket.recv is recv
    assert "recv" not in vars(socket.socket)
