"""Fixtures made anew for each execution: they belong to the state that a test starts from.

Only those of function scope, and not pytest's own that record what the whole test does. They are
made and torn down while the scheduler is in control, so that their locks are controlled, too.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

import pytest
from _pytest.tmpdir import tmppath_result_key

from lab.hunt.tasks import Unwind

_RECORDING: Final = frozenset(
    ("capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys", "caplog", "recwarn", "request",
     "record_property", "record_xml_attribute")
)  # fmt: skip


class Renewal:
    """Calls a test function, each time with fixtures, and an instance of its class, made anew."""

    def __init__(self, item: pytest.Function, function: Any) -> None:
        self.__wrapped__ = function
        self._item: Any = item
        known = self._item._fixtureinfo.name2fixturedefs
        definitions = [each[-1] for each in known.values() if each]
        self._renewed = [each for each in definitions if _is_renewed(each)]

    def __call__(self) -> None:
        """Make the fixtures, call the test with them, and tear them down."""
        self._make()
        try:
            self._call()
        except BaseException:
            # What the test said comes first; a thread that is made to leave cannot tear down.
            with contextlib.suppress(Exception, Unwind, BaseExceptionGroup):
                self.finish()
            raise
        self.finish()

    def _call(self) -> None:
        item, function = self._item, self.__wrapped__
        arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
        if item.instance is None:
            function(**arguments)
        else:
            function(item.instance, **arguments)

    def finish(self) -> None:
        """Tear down all fixtures that are made anew."""
        # The tear-down of tmp_path looks for the outcome of a test that has not ended yet.
        self._item.stash.setdefault(tmppath_result_key, {})
        for definition in reversed(self._renewed):
            definition.finish(self._item._request)

    def _make(self) -> None:
        item = self._item
        names = {each.argname for each in self._renewed}
        stay = {name: value for name, value in item.funcargs.items() if name not in names}
        vars(item).pop("_instance", None)
        item._initrequest()
        item.funcargs.update(stay)
        item._request._fillfixtures()


def _is_renewed(definition: Any) -> bool:
    return bool(definition.scope == "function") and definition.argname not in _RECORDING
