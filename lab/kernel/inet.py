"""Which TCP connection of this machine has its two ends where; see proc_net(5), ``net/tcp``."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lab import procfs

_FILES = ("tcp", "tcp6", "udp", "udp6")
_STATES = {
    1: "established", 2: "connecting", 3: "connecting", 4: "closing", 5: "closing", 6: "closed",
    7: "closed", 8: "closed by the other end", 9: "closing", 10: "listening", 11: "closing",
}  # fmt: skip
_ESTABLISHED = "established"
_WORD = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class Address:
    """An address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """``127.0.0.1:80``, or ``[::1]:80``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class InetSocket:
    """One line of ``net/tcp`` or its like. The inode is 0 while nobody has accepted it."""

    inode: int
    protocol: str
    """``tcp`` or ``udp``."""
    local: Address
    remote: Address
    state: str


class Inet:
    """The TCP and UDP sockets of the network namespace of ``pid``."""

    def __init__(self, pid: int) -> None:
        self._all = [one for name in _FILES for one in _sockets(pid, name)]
        self._by_inode = {one.inode: one for one in self._all if one.inode}

    def get(self, inode: int) -> InetSocket | None:
        """Return the socket with an inode, or ``None``."""
        return self._by_inode.get(inode)

    def other(self, inode: int) -> InetSocket | None:
        """Return the other end of a TCP connection, when that is in the same namespace."""
        one = self.get(inode)
        if one is None or one.protocol != "tcp":
            return None
        ends = (one.remote, one.local)
        return next(
            (o for o in self._all if (o.local, o.remote) == ends and o.protocol == "tcp"), None
        )

    def peer(self, inode: int) -> int | None:
        """Return the inode of the other end of an established TCP connection, or ``None``."""
        one, other = self.get(inode), self.other(inode)
        if one is None or other is None or {one.state, other.state} != {_ESTABLISHED}:
            return None
        return other.inode or None

    def listener(self, address: Address) -> InetSocket | None:
        """Return the socket that listens where a connection to ``address`` goes."""
        ports = [o for o in self._all if o.state == "listening" and o.local.port == address.port]
        exact = (one for one in ports if one.local.host == address.host)
        any_ = (one for one in ports if ipaddress.ip_address(one.local.host).is_unspecified)
        return next(exact, None) or next(any_, None)


def _sockets(pid: int, name: str) -> Iterator[InetSocket]:
    text = (procfs.read(f"/proc/{pid}/net/{name}", 1 << 24) or b"").decode(errors="replace")
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9:
            yield InetSocket(
                inode=int(fields[9]),
                protocol=name[:3],
                local=_address(fields[1]),
                remote=_address(fields[2]),
                state=_STATES.get(int(fields[3], 16), ""),
            )


def _address(text: str) -> Address:
    """Read ``0100007F:1F90``: 32-bit words in the byte order of the machine, and the port."""
    host, _, port = text.partition(":")
    words = (int(host[i : i + 8], 16) for i in range(0, len(host), 8))
    packed = ipaddress.ip_address(b"".join(map(_WORD.pack, words)))
    mapped = getattr(packed, "ipv4_mapped", None)
    return Address(str(mapped or packed), int(port, 16))
