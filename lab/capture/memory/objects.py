"""Types, values, items and attributes of objects, read from the words they are made of.

Every function may raise :class:`CannotReadMemoryError`; callers that can do without an object catch
it. The layouts are those of :mod:`lab.capture.memory.layout`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError, Memory
from lab.capture.memory.layout import Layout

_FORKS = re.compile(r"^(?:multiprocess|billiard)\.")
"""Packages that are forks of ``multiprocessing``, class by class."""
_MOST_ITEMS = 64
_MOST_KEYS = 4096
_MOST_BASES = 16
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What is needed of a type to read its instances."""

    name: str
    """Qualified with the module, such as ``threading.Thread`` or ``_thread.lock``; the bare name
    for what ``builtins`` holds."""
    bases: tuple[str, ...]
    """The names in its method resolution order, itself first, ``object`` left out."""
    flags: int
    size: int
    dict_offset: int
    cached_keys: int
    slots: tuple[tuple[str, int], ...]
    """Name and offset of what ``__slots__`` declares, in the type and its bases."""
    namespaces: tuple[int, ...]
    """The class dictionaries in method resolution order, of classes written in Python."""


class Objects:
    """Reads the objects of one process; types are looked at once."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self.memory = memory
        self.layout = layout
        self._types: dict[int, TypeFacts] = {}
        self._texts: dict[int, str] = {}

    def type_of(self, address: int) -> TypeFacts:
        """Return the type of the object at ``address``."""
        kind = self.memory.word(address + at.OB_TYPE)
        if kind % 8:
            raise CannotReadMemoryError(f"no object at {address:#x}")
        if kind not in self._types:
            self._types[kind] = self._read_type(kind)
        return self._types[kind]

    def _read_type(self, kind: int) -> TypeFacts:
        word = self.memory.word
        flags = word(kind + at.TP_FLAGS)
        lineage = list(self._lineage(kind))
        classes = [cls for cls in lineage if word(cls + at.TP_FLAGS) & at.HEAP_TYPE]
        return TypeFacts(
            name=self._type_name(kind),
            bases=tuple(self._type_name(cls) for cls in lineage),
            flags=flags,
            size=word(kind + at.TP_BASICSIZE),
            dict_offset=self.memory.signed(kind + at.TP_DICTOFFSET),
            cached_keys=word(kind + at.HT_CACHED_KEYS) if flags & at.HEAP_TYPE else 0,
            slots=tuple(slot for cls in classes for slot in self._slots(cls)),
            namespaces=tuple(word(cls + at.TP_DICT) for cls in classes),
        )

    def _lineage(self, kind: int) -> Iterator[int]:
        order = self.memory.word(kind + at.TP_MRO)
        if not order:
            yield kind
            return
        count = min(self.memory.word(order + at.OB_SIZE), _MOST_BASES)
        for i in range(count):
            cls = self.memory.word(order + at.TUPLE_ITEMS + 8 * i)
            if self._bare_name(cls) != "object":
                yield cls

    def _bare_name(self, kind: int) -> str:
        name = self.memory.c_string(self.memory.word(kind + at.TP_NAME))
        if not name or not name.replace(".", "").replace("_", "").isalnum():
            raise CannotReadMemoryError(f"no type at {kind:#x}")
        return name

    def _type_name(self, kind: int) -> str:
        return _FORKS.sub("multiprocessing.", self._own_type_name(kind))

    def _own_type_name(self, kind: int) -> str:
        name = self._bare_name(kind)
        if "." in name or not self.memory.word(kind + at.TP_FLAGS) & at.HEAP_TYPE:
            return name
        namespace = self.memory.word(kind + at.TP_DICT)
        module = self.lookup(namespace, "__module__") if namespace else None
        return f"{self.text(module)}.{name}" if module else name

    def _slots(self, cls: int) -> Iterator[tuple[str, int]]:
        count = self.memory.word(cls + at.OB_SIZE)
        if not 0 < count <= _MOST_ITEMS:
            return
        meta = self.memory.word(cls + at.OB_TYPE)
        first = cls + self.memory.word(meta + at.TP_BASICSIZE)
        for member in range(first, first + count * at.MEMBER_SIZE, at.MEMBER_SIZE):
            kind = self.memory.signed(member + at.MEMBER_KIND, 4)
            name = self.memory.word(member)
            if kind == at.MEMBER_IS_OBJECT and name:
                yield self.memory.c_string(name), self.memory.word(member + at.MEMBER_OFFSET)

    def text(self, address: int) -> str:
        """Return the value of a ``str``, ``int``, ``bool`` or ``None``; empty for anything else."""
        name = self.type_of(address).name
        if name == "str":
            return self._str(address)
        if name in ("int", "bool"):
            number = self._int(address)
            return str(bool(number)) if name == "bool" else str(number)
        return "None" if name == "NoneType" else ""

    def _str(self, address: int) -> str:
        length = min(self.memory.word(address + at.STR_LENGTH), _LONGEST_TEXT)
        state = self.memory.word(address + at.STR_STATE)
        # interned:2, kind:3, compact:1, ascii:1
        width, compact, ascii_only = state >> 2 & 7, state >> 5 & 1, state >> 6 & 1
        if not compact or width not in (1, 2, 4):
            raise CannotReadMemoryError(f"no compact str at {address:#x}")
        start = address + (at.STR_ASCII_DATA if ascii_only else at.STR_OTHER_DATA)
        raw = self.memory.read(start, length * width)
        return raw.decode({1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[width], "replace")

    def bytes_of(self, address: int, limit: int = 1 << 16) -> bytes:
        """Return the value of a ``bytes`` object, at most ``limit`` bytes of it."""
        if self.type_of(address).name != "bytes":
            raise CannotReadMemoryError(f"no bytes object at {address:#x}")
        size = min(self.memory.word(address + at.OB_SIZE), limit)
        return self.memory.read(address + at.BYTES_DATA, size)

    def _int(self, address: int) -> int:
        tag = self.memory.word(address + at.INT_TAG)
        digits = tag >> 3
        if digits > 8:
            raise CannotReadMemoryError(f"an int of {digits} digits at {address:#x}")
        value = 0
        for i in reversed(range(digits)):
            digit = int.from_bytes(self.memory.read(address + at.INT_DIGITS + 4 * i, 4), "little")
            value = value << at.INT_DIGIT_BITS | digit
        return {0: value, 1: 0, 2: -value}.get(tag & 3, 0)

    def items(self, address: int) -> dict[str, int]:
        """Return the first items of a list, tuple, dict or set: ``[0]``, ``['key']`` to address.

        Dict keys that are neither str nor int are left out. Empty for another kind of object.
        """
        bases = self.type_of(address).bases
        if "list" in bases:
            return self._sequence(address, self.memory.word(address + at.LIST_ITEMS))
        if "tuple" in bases:
            return self._sequence(address, address + at.TUPLE_ITEMS)
        if "dict" in bases:
            return dict(self._printed_items(address))
        if "set" in bases:
            members = itertools.islice(self.members(address), _MOST_ITEMS)
            return {f"{{{i}}}": member for i, member in enumerate(members)}
        return {}

    def members(self, address: int) -> Iterator[int]:
        """Yield the members of a set: the keys of its table that are filled."""
        mask = min(self.memory.word(address + at.SET_MASK), _MOST_KEYS - 1)
        table = self.memory.word(address + at.SET_TABLE)
        for entry in range(table, table + at.SET_ENTRY * (mask + 1), at.SET_ENTRY):
            key = self.memory.word(entry)
            if key and self.memory.signed(entry + 8) != -1:  # the hash of what was taken out
                yield key

    def _sequence(self, address: int, start: int) -> dict[str, int]:
        count = min(self.memory.word(address + at.OB_SIZE), _MOST_ITEMS)
        return {f"[{i}]": self.memory.word(start + 8 * i) for i in range(count)}

    def _printed_items(self, address: int) -> Iterator[tuple[str, int]]:
        for key, value in self.entries(address, _MOST_ITEMS):
            name = self.type_of(key).name
            if name in ("str", "int"):
                text = self.text(key)
                yield (f"[{text!r}]" if name == "str" else f"[{text}]"), value

    def entries(self, address: int, limit: int = _MOST_KEYS) -> Iterator[tuple[int, int]]:
        """Yield the addresses of key and value of a dict, in order of insertion."""
        keys = self.memory.word(address + at.MA_KEYS)
        values = self.memory.word(address + at.MA_VALUES)
        if values:  # split table: 3.13 has a header of one word before the values
            values += 8 if self.layout.inline_values else 0
        yield from self._table(keys, values, limit)

    def _table(self, keys: int, values: int, limit: int) -> Iterator[tuple[int, int]]:
        """Yield keys and values of a key table; ``values`` is where a split table has them."""
        index_bytes = 1 << min(self.memory.byte(keys + at.DK_LOG2_INDEX_BYTES), 24)
        general = self.memory.byte(keys + at.DK_KIND) == at.DK_GENERAL
        size = 24 if general else 16
        count = min(self.memory.word(keys + at.DK_NENTRIES), limit)
        start = keys + at.DK_INDICES + index_bytes
        for i in range(count):
            entry = start + i * size + (8 if general else 0)
            key = self.memory.word(entry)
            value = self.memory.word(values + 8 * i if values else entry + 8)
            if key and value:
                yield key, value

    def named(self, dictionary: int) -> Iterator[tuple[str, int]]:
        """Yield name and address of the values of a dict whose keys are str."""
        yield from self._named(self.entries(dictionary))

    def _named(self, entries: Iterator[tuple[int, int]]) -> Iterator[tuple[str, int]]:
        for key, value in entries:
            if self.memory.word(key + at.OB_TYPE) % 8 == 0:
                if key not in self._texts:
                    self._texts[key] = self._str(key)
                yield self._texts[key], value

    def lookup(self, dictionary: int, name: str) -> int | None:
        """Return the address of ``dictionary[name]``, or ``None``."""
        return next((value for key, value in self.named(dictionary) if key == name), None)

    def attributes(self, address: int) -> dict[str, int]:
        """Return the attributes that the instance itself has, by ``__dict__`` and ``__slots__``."""
        kind = self.type_of(address)
        found = dict(self._instance_dict(address, kind))
        for name, offset in kind.slots:
            if value := self.memory.word(address + offset):
                found[name] = value
        return found

    def _instance_dict(self, address: int, kind: TypeFacts) -> Iterator[tuple[str, int]]:
        if kind.flags & at.MANAGED_DICT:
            yield from self._managed(address, kind)
        elif kind.dict_offset > 0 and (held := self.memory.word(address + kind.dict_offset)):
            yield from self.named(held)

    def _managed(self, address: int, kind: TypeFacts) -> Iterator[tuple[str, int]]:
        pointer = self.memory.word(address - at.MANAGED_DICT_BEFORE)
        if self.layout.inline_values:
            # PyDictValues follows the instance: capacity, size, embedded, valid, then the values
            if kind.flags & at.INLINE_VALUES and self.memory.byte(address + kind.size + 3):
                yield from self._named(
                    self._table(kind.cached_keys, address + kind.size + 8, _MOST_KEYS)
                )
            elif pointer:
                yield from self.named(pointer)
        elif pointer & 1:  # PyDictOrValues of 3.12: the low bit marks values, one byte further on
            yield from self._named(self._table(kind.cached_keys, pointer + 1, _MOST_KEYS))
        elif pointer:
            yield from self.named(pointer)
