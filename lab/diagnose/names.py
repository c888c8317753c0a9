"""From an expression in the source to an object of the target: locals, globals, attributes, items.

Only what the snapshot holds is followed, nothing is called; what cannot be followed is ``None``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

from lab.model import Frame, Local, ProcessCapture, RemoteObject

_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
_THROUGH = ("_semlock", "_lock", "_block")
"""The attributes by which a lock of the standard library wraps the one that blocks."""
_WRAPPERS = ("threading.Condition", "threading._RLock", "multiprocessing.synchronize.")


class Names:
    """What the names in one frame stand for."""

    def __init__(self, process: ProcessCapture, frame: Frame) -> None:
        self._objects = process.objects
        self._locals = {local.name: local for local in frame.locals}
        self._globals = process.globals.get(frame.file, {})
        self._class = frame.function.rpartition(".")[0].rpartition(".")[2]

    def find(self, expression: ast.expr) -> RemoteObject | None:
        """Return the object that ``expression`` stands for, if it can be followed."""
        address = self._address(expression)
        found = self._objects.get(address) if address else None
        if found and found.type == "cell":
            return self._objects.get(found.attributes.get("cell_contents", 0))
        return found

    def types(self, expression: ast.expr) -> tuple[str, ...]:
        """Return the names of the type and bases of what ``expression`` stands for, if known."""
        found = self.find(expression)
        return (found.type, *found.bases) if found else ()

    def _address(self, expression: ast.expr) -> int | None:
        if isinstance(expression, ast.Name):
            local: Local | None = self._locals.get(expression.id)
            return local.address if local else self._globals.get(expression.id)
        if isinstance(expression, ast.Attribute):
            return self._attribute(expression)
        if isinstance(expression, ast.Subscript):
            base = self.find(expression.value)
            key = self._value(expression.slice)
            return base.attributes.get(f"[{self._at(base, key)!r}]") if base else None
        return None

    def _attribute(self, expression: ast.Attribute) -> int | None:
        base = self.find(expression.value)
        if base is None:
            return None
        mangled = f"_{self._class.lstrip('_')}{expression.attr}"
        return base.attributes.get(expression.attr) or base.attributes.get(mangled)

    @staticmethod
    def _at(base: RemoteObject, key: object) -> object:
        """Count a negative index of a sequence from its end."""
        if isinstance(key, int) and key < 0 and base.type in ("list", "tuple"):
            return len(base.attributes) + key
        return key

    def _value(self, expression: ast.expr) -> object:
        """Return the value of a simple index: a constant, an int or str variable, arithmetic."""
        if isinstance(expression, ast.Constant):
            return expression.value
        if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
            value = self._value(expression.operand)
            return -value if isinstance(value, int) else None
        if isinstance(expression, ast.BinOp):
            return self._arithmetic(expression)
        if isinstance(expression, ast.Name) and expression.id in self._locals:
            return _literal(self._locals[expression.id].text)
        found = self.find(expression)
        if found is None or not found.text:
            return None
        return found.text if found.type == "str" else _literal(found.text)

    def _arithmetic(self, expression: ast.BinOp) -> object:
        operate = _ARITHMETIC.get(type(expression.op))
        left, right = self._value(expression.left), self._value(expression.right)
        if operate is None or not (isinstance(left, int) and isinstance(right, int)):
            return None
        try:
            return operate(left, right)
        except ZeroDivisionError:
            return None


def _literal(text: str) -> object:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int | str) else None


def lock_in(process: ProcessCapture, thing: RemoteObject | None) -> RemoteObject | None:
    """Return the object that blocks inside ``thing``: itself, or what a Condition or Lock wraps."""
    for _ in range(4):
        if thing is None or thing.lock is not None:
            return thing
        names = (thing.type, *thing.bases)
        if not any(name.startswith(_WRAPPERS) for name in names):
            return None
        inner = next((thing.attributes[a] for a in _THROUGH if a in thing.attributes), 0)
        thing = process.objects.get(inner)
    return None
