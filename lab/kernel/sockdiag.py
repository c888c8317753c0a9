"""Which Unix socket is connected to which. ``/proc`` does not show it; sock_diag(7) does."""

from __future__ import annotations

import contextlib
import socket
import struct

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_UDIAG_SHOW_PEER = 4
_UNIX_DIAG_PEER = 2
_ESTABLISHED = 1
_ANY = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_ANSWER = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")
_CONNECTED_KINDS = {int(socket.SOCK_STREAM), int(socket.SOCK_SEQPACKET)}


def unix_peer(inode: int) -> int | None:
    """Return the inode of the socket that is connected to ``inode``, in our network namespace.

    ``None`` when there is none, when it is of a kind that anybody may send to, or when the kernel
    does not say.
    """
    body = _REQUEST.pack(socket.AF_UNIX, 0, 0, _ANY, inode, _UDIAG_SHOW_PEER, _ANY, _ANY)
    size = _HEADER.size + len(body)
    header = _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as channel,
    ):
        channel.settimeout(1.0)
        channel.send(header + body)
        answer = channel.recv(1 << 13)
    return _peer(answer, inode)


def _peer(answer: bytes, inode: int) -> int | None:
    if len(answer) < _HEADER.size + _ANSWER.size:
        return None
    size, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    _, type_, state, _, found, _, _ = _ANSWER.unpack_from(answer, _HEADER.size)
    if found != inode or type_ not in _CONNECTED_KINDS or state != _ESTABLISHED:
        return None
    return _attribute(answer[_HEADER.size + _ANSWER.size : size])


def _attribute(rest: bytes) -> int | None:
    """Find the peer among the attributes, each of which is padded to four bytes."""
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == _UNIX_DIAG_PEER:
            return int.from_bytes(rest[_ATTRIBUTE.size : length], "little") or None
        rest = rest[max(_ATTRIBUTE.size, -(-length // 4) * 4) :]
    return None
