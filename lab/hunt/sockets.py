"""``socket`` under control: what would sleep in the kernel waits where the scheduler sees it.

The stand-ins sit on the Python class, below ``makefile``, ``create_connection``, ``socketserver``
and ``http``; each decides by :mod:`.channels` whether the socket is the test's own, waits for it
to be ready, and then makes the real call, which does not block any more.
"""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Final

from lab.hunt.channels import READ, WRITE, Channels
from lab.hunt.tasks import Task

_AT_ONCE: Final = socket.MSG_DONTWAIT
_STREAM: Final = socket.SOCK_STREAM
_real_pair = socket.socketpair
_real_init = socket.socket.__init__


class Net:
    """The channels of the hunt in progress; one for the process."""

    channels: ClassVar[Channels | None] = None

    @classmethod
    def here(cls) -> tuple[Channels, Task] | None:
        """Return the channels and the calling thread, if it is under control."""
        channels = cls.channels
        me = channels.here() if channels is not None else None
        return None if channels is None or me is None else (channels, me)


def operate[T](channels: Channels, name: str, descriptor: int, act: Callable[[], T]) -> T:
    """Do ``act`` as one visible step.

    Such calls give the interpreter up: under both models others may come before it, and with the
    GIL also just after.
    """
    site = channels.site(name, descriptor)
    channels.engine.point(site)
    try:
        done = act()
    finally:
        channels.moved()
    if channels.engine.gil:
        channels.engine.point(site)
    return done


def _reading(name: str) -> Callable[..., Any]:
    real = getattr(_socket.socket, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        here = Net.here()
        if here is None or not here[0].owns(self.fileno()):
            return real(self, *args, **kwargs)
        channels, me = here

        def act() -> Any:
            _await(channels, me, self, READ, f"data from the {_noun(name)}", self.gettimeout())
            return real(self, *args, **kwargs)

        return operate(channels, name.lstrip("_"), self.fileno(), act)

    method.__name__ = name
    return method


def _noun(name: str) -> str:
    return "" if name != "_accept" else "queue of the "


def _await(
    channels: Channels, me: Task, sock: Any, events: int, what: str, timeout: float | None
) -> None:
    """Wait until ``sock`` is ready; :class:`TimeoutError` as the socket would raise it."""
    if timeout != 0 and not channels.wait(me, {sock.fileno(): events}, what.strip(), timeout):
        raise TimeoutError("timed out")


def _accept(self: Any) -> Any:
    descriptor, address = _accepting(self)
    here = Net.here()
    if here is not None and here[0].owns(self.fileno()):
        here[0].add((descriptor,), "connection")
    return descriptor, address


_accepting = _reading("_accept")


def _writing(name: str) -> Callable[..., Any]:
    real = getattr(_socket.socket, name)

    def method(self: Any, *args: Any) -> Any:
        here = Net.here()
        if here is None or not here[0].owns(self.fileno()):
            return real(self, *args)
        channels, me = here

        def act() -> Any:
            _await(channels, me, self, WRITE, "room in the", self.gettimeout())
            return real(self, *args)

        return operate(channels, name, self.fileno(), act)

    method.__name__ = name
    return method


def _send(self: Any, data: Any, flags: int = 0, /) -> int:
    return _push(self, "send", data, flags, whole=self.gettimeout() is None)


def _sendall(self: Any, data: Any, flags: int = 0, /) -> None:
    _push(self, "sendall", data, flags, whole=True)


def _push(self: Any, name: str, data: Any, flags: int, *, whole: bool) -> int:
    """Send ``data``, all of it if ``whole``: what does not fit waits for the reader."""
    here = Net.here()
    if here is None or not here[0].owns(self.fileno()):
        sent = getattr(_socket.socket, name)(self, data, flags)
        return sent if sent is not None else 0
    channels, me = here
    timeout = self.gettimeout()
    if timeout == 0 or self.type != _STREAM:
        return operate(
            channels, name, self.fileno(),
            lambda: getattr(_socket.socket, name)(self, data, flags) or 0,
        )  # fmt: skip
    return operate(
        channels, name, self.fileno(),
        lambda: _push_all(channels, me, self, memoryview(data).cast("B"), flags, whole=whole),
    )  # fmt: skip


def _push_all(
    channels: Channels, me: Task, sock: Any, view: memoryview, flags: int, *, whole: bool
) -> int:
    timeout = sock.gettimeout()
    end = None if timeout is None else channels.engine.now + timeout
    sent = 0
    while True:
        left = None if end is None else max(end - channels.engine.now, 0)
        if left == 0 and sent:
            raise TimeoutError("timed out")
        _await(channels, me, sock, WRITE, "room in the", left)
        try:
            sent += _socket.socket.send(sock, view[sent:], flags | _AT_ONCE)
        except BlockingIOError:
            continue
        channels.moved()
        if sent >= len(view) or not whole:
            return sent


def _connect(self: Any, address: Any, /) -> None:
    here = Net.here()
    if here is not None:
        here[0].connected(self.fileno(), address)
    if here is None or not here[0].owns(self.fileno()):
        _socket.socket.connect(self, address)
        return
    operate(here[0], "connect", self.fileno(), lambda: _socket.socket.connect(self, address))


def _connect_ex(self: Any, address: Any, /) -> int:
    here = Net.here()
    if here is not None:
        here[0].connected(self.fileno(), address)
    if here is None or not here[0].owns(self.fileno()):
        return _socket.socket.connect_ex(self, address)
    return operate(
        here[0], "connect", self.fileno(), lambda: _socket.socket.connect_ex(self, address)
    )


def _bind(self: Any, address: Any, /) -> None:
    _socket.socket.bind(self, address)
    here = Net.here()
    if here is not None and self.type != _STREAM:
        here[0].listen(self.fileno(), self.getsockname())


def _listen(self: Any, *args: Any) -> None:
    _socket.socket.listen(self, *args)
    here = Net.here()
    if here is not None:
        here[0].listen(self.fileno(), self.getsockname())


def _closing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        here = Net.here()
        if here is None or not here[0].owns(self.fileno()):
            return real(self, *args)
        return operate(here[0], name.strip("_"), self.fileno(), lambda: real(self, *args))

    method.__name__ = name
    return method


def _pair(*args: Any, **kwargs: Any) -> Any:
    """Stand in for ``socket.socketpair``."""
    pair = _real_pair(*args, **kwargs)
    here = Net.here()
    if here is not None:
        here[0].add((each.fileno() for each in pair), "socket pair")
    return pair


def _initialise(self: Any, *args: Any, **kwargs: Any) -> None:
    _real_init(self, *args, **kwargs)
    here = Net.here()
    if here is not None:
        here[0].keep(self)


METHODS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _reading(name) for name in (
        "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into",
    )},
    "__init__": _initialise,
    "_accept": _accept,
    **{name: _writing(name) for name in ("sendto", "sendmsg")},
    "send": _send,
    "sendall": _sendall,
    "connect": _connect,
    "connect_ex": _connect_ex,
    "bind": _bind,
    "listen": _listen,
    "shutdown": _closing("shutdown", _socket.socket.shutdown),
    "_real_close": _closing("_real_close", socket.socket._real_close),  # type: ignore[attr-defined]
}  # fmt: skip

STAND_INS: Final[list[tuple[Any, Any]]] = [(socket.socketpair, _pair)]
