"""Watching code with ``sys.monitoring`` (PEP 669): from bytecodes to switch points.

Functions are found when they first start (``PY_START``, switched off for each after one visit);
those in scope get instruction and call events of their own. What a location has to report is
decided at its first visit; a location that has nothing is switched off there and costs nothing
afterwards. Events belong to one tool: the lab takes a free identifier, and says so if none is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any, Final

from lab.errors import InconclusiveError
from lab.hunt.calls import Calls, is_ours, python_code
from lab.hunt.engine import Engine
from lab.hunt.returns import Returns, releases
from lab.hunt.sites import (
    GIL,
    Names,
    Scope,
    Site,
    address,
    call_site,
    following,
    key_of,
    switch_points,
    visible_accesses,
)

_monitoring = sys.monitoring
_events = _monitoring.events
_DISABLE = _monitoring.DISABLE
_WATCHED: Final = _events.INSTRUCTION | _events.CALL  # in code that is switched in
_TOOL_NAME: Final = "lab.hunt"


class Monitor:
    """Turns events of traced code into :meth:`Engine.point` calls, for one hunt.

    ``sites`` maps a place to what it reports in this phase of the hunt; ``known`` keeps every place
    ever seen, so that phases can narrow and widen what is reported.
    """

    def __init__(self, engine: Engine, scope: Scope, model: str) -> None:
        self.engine = engine
        self.scope = scope
        self.model = model
        self.names = Names()
        self.codes: dict[int, CodeType] = {}
        self.sites: dict[int, Site] = {}
        self.known: dict[int, Site] = {}
        self.silent: dict[int, Site] = {}  # in the gil model: accesses, only ever observed
        self.narrow = False
        self.observing = False
        self._expected: set[int] = set()
        self._calls = Calls(scope)
        self._returns = Returns()
        self._tool = -1

    # -- life

    def start(self) -> None:
        """Take a tool identifier and begin to watch; :class:`InconclusiveError` if none is free."""
        self._tool = _free_tool()
        _monitoring.use_tool_id(self._tool, _TOOL_NAME)
        for event, callback in (
            (_events.PY_START, self._started),
            (_events.PY_RESUME, self._started),
            (_events.INSTRUCTION, self._instruction()),
            (_events.CALL, self._call()),
            (_events.C_RETURN, self._returned()),
            (_events.C_RAISE, self._raised()),
        ):
            _monitoring.register_callback(self._tool, event, callback)
        _monitoring.set_events(self._tool, _events.PY_START | _events.PY_RESUME)
        _monitoring.restart_events()

    def stop(self) -> None:
        """Stop watching and give the tool identifier back."""
        if self._tool < 0:
            return
        tool, self._tool = self._tool, -1
        _monitoring.set_events(tool, 0)
        for code in self.codes.values():
            _monitoring.set_local_events(tool, code, 0)
        for event in (
            _events.PY_START, _events.PY_RESUME, _events.INSTRUCTION, _events.CALL,
            _events.C_RETURN, _events.C_RAISE,
        ):  # fmt: skip
            _monitoring.register_callback(tool, event, None)
        _monitoring.free_tool_id(tool)

    def traces(self, code: CodeType) -> bool:
        """Whether ``code`` is switched in."""
        return address(code) in self.codes

    # -- which places report

    def widen(self, *, observing: bool = False) -> None:
        """Let every visible place report again; under observation the silent accesses too."""
        self.narrow, self.observing = False, observing
        self.sites = dict(self.known)
        self._bind()
        self._rearm()

    def narrow_to_races(self) -> None:
        """Let only those places report at which a profile saw threads meet, or saw nothing yet."""
        was_narrow, self.narrow, self.observing = self.narrow, True, False
        self.sites = {key: site for key, site in self.known.items() if self._matters(site)}
        self._bind()
        if was_narrow:
            self._rearm()

    def forget(self) -> None:
        """Forget which of the places race and which were seen."""
        for site in (*self.known.values(), *self.silent.values()):
            site.racing = site.seen = False

    def _rearm(self) -> None:
        """Let every location of the traced code report, switched off or not.

        ``restart_events`` would do it for all code there is: the first call of each function of
        the library would have to be switched off again, after every phase of the hunt.
        """
        for code in self.codes.values():
            _monitoring.set_local_events(self._tool, code, 0)
            _monitoring.set_local_events(self._tool, code, _WATCHED)

    def _matters(self, site: Site) -> bool:
        return site.racing or (not site.seen and not site.cold)

    def _bind(self) -> None:
        for event, callback in (
            (_events.INSTRUCTION, self._instruction()),
            (_events.CALL, self._call()),
            (_events.C_RETURN, self._returned()),
        ):
            _monitoring.register_callback(self._tool, event, callback)

    # -- events

    def _started(self, code: CodeType, offset: int) -> object:
        if address(code) not in self.codes:
            if not self.scope.covers(code):
                return _DISABLE
            self._enrol(code)
        if self.model != GIL:
            return _DISABLE
        site = self.sites.get(key_of(code, offset))
        if site is not None:
            self.engine.point(site)
        return None

    def _enrol(self, code: CodeType) -> None:
        self.codes[address(code)] = code
        if self.names.learn(code):
            self._refresh()
        self._add(code)
        _monitoring.set_local_events(self._tool, code, _WATCHED)

    def _add(self, code: CodeType) -> None:
        found = switch_points(code) if self.model == GIL else visible_accesses(code, self.names)
        for site in found:
            key = key_of(code, site.offset)
            old = self.known.get(key)
            if old is not None:
                old.cold = old.cold and site.cold
                site = old
            self.known[key] = site
            if not self.narrow or self._matters(site):
                self.sites[key] = site
        if self.model == GIL:
            self._add_silent(code)

    def _add_silent(self, code: CodeType) -> None:
        for site in visible_accesses(code, self.names):
            site.point = False
            self.silent.setdefault(key_of(code, site.offset), site)

    def _refresh(self) -> None:
        """Look again at code seen earlier: a name it only reads turned out to be written."""
        before = len(self.known)
        for code in list(self.codes.values()):
            self._add(code)
        if len(self.known) > before and before:
            self._rearm()

    def _instruction(self) -> Any:
        engine, get, consult = self.engine, self.sites.get, self.engine.consult
        last: tuple[CodeType | None, int] = None, 0  # mostly it is the same code as before

        def instruction(code: CodeType, offset: int) -> object:
            nonlocal last
            known, begin = last
            if known is not code:
                begin = address(code)
                last = code, begin
            site = get(begin + offset)
            if site is None:
                return _DISABLE
            engine.step = step = engine.step + 1
            if step >= engine.stop_at or site.hot:
                consult(site)
            return None

        return self._observed(instruction) if self.observing and self.silent else instruction

    def _observed(self, instruction: Callable[[CodeType, int], object]) -> Any:
        silent, points, engine = self.silent, self.sites, self.engine

        def observed(code: CodeType, offset: int) -> object:
            place = key_of(code, offset)
            access = silent.get(place)
            if access is not None:
                engine.observe(access)
                if place not in points:
                    return None
            return instruction(code, offset)

        return observed

    def _call(self) -> Any:
        return self._call_gil if self.model == GIL else self._call_free()

    def _call_free(self) -> Any:
        engine, get, consult = self.engine, self.sites.get, self.engine.consult
        narrow = self.narrow
        seen, add, harmless = self.known, self._add_call, self._calls.harmless

        def called(code: CodeType, offset: int, function: Any, first: Any) -> object:
            key = key_of(code, offset) + 1
            site = get(key)
            if site is None and key in seen:
                return _DISABLE if narrow else None  # until the next wide phase
            if harmless(function, first):
                # The same, unless it was seen to do more than this.
                return _DISABLE if narrow and site is None else None
            if site is None:
                site = add(code, offset, function)
            engine.step = step = engine.step + 1
            if step >= engine.stop_at or site.hot:
                consult(site)
            return None

        return called

    def _call_gil(self, code: CodeType, offset: int, function: Any, first: Any) -> None:
        # Python code outside the scope looks for a switch request when it is entered.
        if self.observing and not self._calls.harmless(function, first):
            self.engine.observe(self._silent_call(code, offset, function))
        python = python_code(function)
        if python is None:
            if releases(function):
                self._pass(code, offset, function)
            return
        if self.scope.covers(python):
            return
        if is_ours(function):
            self._expect_return(code, offset, function)
            return
        if self._returns.from_c(function, first):
            self._expect_return(code, offset, function)
        self._pass(code, offset, function)

    def _expect_return(self, code: CodeType, offset: int, function: Any) -> None:
        """Let a call that comes back from C have a point there: before what comes next.

        A stand-in does, as the real one would, and a function whose last deed is a call into C.
        """
        if key_of(code, offset) in self._expected:
            return
        self._expected.add(key_of(code, offset))
        site = call_site(code, offset, _name_of(function), cold=False)
        site.access = False
        site.offset = following(code, offset)
        if key_of(code, site.offset) not in self.known:
            self.known[key_of(code, site.offset)] = self.sites[key_of(code, site.offset)] = site

    def _returned(self) -> Any:
        return self._returned_gil if self.model == GIL else None

    def _returned_gil(self, code: CodeType, offset: int, function: Any, first: Any) -> None:  # noqa: ARG002
        if python_code(function) is not None and not is_ours(function):
            return
        self._pass(code, offset, function)

    def _raised(self) -> Any:
        return self._raised_gil if self.model == GIL else None

    def _raised_gil(self, code: CodeType, offset: int, function: Any, first: Any) -> None:  # noqa: ARG002
        # A call that raises looks for no switch request, but it may have given the GIL up.
        if releases(function):
            self._pass(code, offset, function)

    def _pass(self, code: CodeType, offset: int, function: Any) -> None:
        key = key_of(code, offset) + 1
        site = self.sites.get(key)
        if site is None:
            if key in self.known:
                return
            site = self._add_call(code, offset, function)
        self.engine.point(site)

    def _add_call(self, code: CodeType, offset: int, function: Any) -> Site:
        site = call_site(code, offset, _name_of(function), cold=False)
        site.access = self.model != GIL  # under gil this is the moment after the call
        self.known[key_of(code, offset) + 1] = site
        self.sites[key_of(code, offset) + 1] = site
        return site

    def _silent_call(self, code: CodeType, offset: int, function: Any) -> Site:
        key = key_of(code, offset) + 1
        site = self.silent.get(key)
        if site is None:
            site = self.silent[key] = call_site(code, offset, _name_of(function), cold=False)
            site.point = False
        return site


def _name_of(function: Any) -> str:
    return f"{getattr(function, '__qualname__', None) or type(function).__name__}()"


def _free_tool() -> int:
    for tool in (4, 3, 5, 1, 2, 0):
        if _monitoring.get_tool(tool) is None:
            return tool
    holders = ", ".join(str(_monitoring.get_tool(tool)) for tool in range(6))
    raise InconclusiveError(
        f"all six sys.monitoring tools are taken ({holders})",
        wanted="one for the hunt",
        next_step="run without the coverage tool, debugger or profiler that holds one",
    )
