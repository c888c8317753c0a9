"""Programs that wait on sockets, selectors and the like; ``#: name`` marks the lines that matter.

Run as ``python sockets.py NAME``. Each says ``ready`` when nothing but the last step is left.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import selectors
import socket
import socketserver
import sys
import threading
import time

FORK = multiprocessing.get_context("fork")


def ready() -> None:
    print("ready", flush=True)


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def worker(name: str, target, *args):
    process = FORK.Process(target=target, args=args, name=name, daemon=True)
    process.start()
    return process


def serve_silently(server: socket.socket) -> None:
    channel, _ = server.accept()
    channel.recv(100)  #: server-receives


def both_receive() -> None:
    """Client and server each wait for the other to speak first."""
    server = listener()
    worker("server", serve_silently, server)
    client = socket.create_connection(server.getsockname())
    server.close()
    ready()
    client.recv(100)  #: client-receives


def serve_in_thread(channel: socket.socket) -> None:
    channel.recv(100)  #: from-client


def threaded_server(server: socket.socket) -> None:
    while True:
        channel, _ = server.accept()
        threading.Thread(target=serve_in_thread, args=(channel,), name="handler").start()


def handler_thread() -> None:
    """The server's handler waits for the client; its main thread goes on accepting."""
    server = listener()
    worker("server", threaded_server, server)
    client = socket.create_connection(server.getsockname())
    server.close()
    ready()
    client.recv(100)  #: to-handler


def never_accepts(server: socket.socket, taken) -> None:
    taken.set()
    threading.Event().wait()  #: server-stuck
    server.accept()


def not_accepted() -> None:
    """The server listens, and never accepts."""
    server = listener()
    taken = FORK.Event()
    worker("server", never_accepts, server, taken)
    taken.wait()
    address = server.getsockname()
    server.close()
    client = socket.create_connection(address)
    ready()
    client.recv(100)  #: unaccepted-receives


def full_buffers(channel: socket.socket) -> None:
    channel.sendall(b"x" * 50_000_000)  #: child-sends


def both_send() -> None:
    """Both ends of a socket pair send more than the buffers take, and neither reads."""
    ours, theirs = socket.socketpair()
    worker("sender", full_buffers, theirs)
    theirs.close()
    ready()
    ours.sendall(b"x" * 50_000_000)  #: main-sends


def accept_nobody() -> None:
    server = listener()
    ready()
    server.accept()  #: accepts


def outside_receive() -> None:
    """The other end is with a process outside the tree, whose port is in argv."""
    client = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    ready()
    client.recv(100)  #: outside-receives


def selector_on_two() -> None:
    """A selector on two socket pairs whose other ends are with one worker."""
    pairs = [socket.socketpair() for _ in range(2)]
    worker("quiet", keep, [theirs for _, theirs in pairs])
    chosen = selectors.DefaultSelector()
    for ours, theirs in pairs:
        theirs.close()
        chosen.register(ours, selectors.EVENT_READ)
    ready()
    chosen.select()  #: selects


def keep(channels) -> None:
    channels[0].recv(100)  #: kept-receives


def poll_on_pipe() -> None:
    reader, _writer = os.pipe()
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    ready()
    poll.poll()  #: polls


class AsksItself(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        if self.request.recv(10) == b"outer":
            ask(self.server.server_address, b"inner")


def ask(address, question: bytes) -> bytes:
    with socket.create_connection(address) as channel:
        channel.sendall(question)
        return channel.recv(10)  #: asks


def asks_itself() -> None:
    """A server of one thread, which asks itself in the middle of a request."""
    server = socketserver.TCPServer(("127.0.0.1", 0), AsksItself)
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    ready()
    ask(server.server_address, b"outer")


# -- what only looks so


def slow_server(server: socket.socket) -> None:
    channel, _ = server.accept()
    time.sleep(60)  #: server-works
    channel.sendall(b"answer")


def slow_answer() -> None:
    server = listener()
    worker("server", slow_server, server)
    client = socket.create_connection(server.getsockname())
    server.close()
    ready()
    client.recv(100)  #: patient-receives


def busy_thread_server(server: socket.socket) -> None:
    """The main thread waits on another connection, and a thread without a name for it answers."""
    channel, _ = server.accept()

    def answer(files) -> None:
        time.sleep(60)
        files[0].sendall(b"answer")

    threading.Thread(target=answer, args=([channel],), daemon=True).start()
    other, _ = server.accept()
    del channel
    other.recv(100)


def answered_by_another_thread() -> None:
    """It looks like a cycle of main threads: but a thread that sleeps will answer."""
    server = listener()
    worker("server", busy_thread_server, server)
    first = socket.create_connection(server.getsockname())
    second = socket.create_connection(server.getsockname())
    server.close()
    ready()
    first.recv(100)  #: crossed-receives
    second.close()


def impatient_client() -> None:
    server = listener()
    worker("server", serve_silently, server)
    client = socket.create_connection(server.getsockname())
    server.close()
    client.settimeout(60)
    ready()
    client.recv(100)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
