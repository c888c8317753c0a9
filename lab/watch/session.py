"""The loop around a watched command: when to look, when to worry, and what is done then.

Nothing here is imported that a command which ends well would have to wait for.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from lab.errors import ExitCode
from lab.supervise.passthrough import Ended, Passthrough
from lab.supervise.pulse import Pulse
from lab.watch.wishes import Wishes

TYPE_CHECKING = False  # known to type checkers; importing typing takes time
if TYPE_CHECKING:
    from lab.watch.looking import Trouble
    from lab.watch.stillness import Stillness

STILL_S = 0.5
"""After how long without a move it is worth finding out what a tree waits for."""
_SHORT_S, _LONG_S, _GROWTH = 0.05, 0.25, 1.25
_SHARE = 100
"""Looking may take one part in this many of the time."""


class Session:
    """Watches one command. ``tell`` is given what is wrong, ``tell_end`` what ending it found."""

    def __init__(
        self,
        wishes: Wishes,
        target: Passthrough,
        tell: Callable[[Trouble], None],
        tell_end: Callable[[Ended], None],
    ) -> None:
        self._wishes, self._target = wishes, target
        self._tell, self._tell_end = tell, tell_end
        self._pulse = Pulse(target.tree)
        self._began = self._still_since = self._now()
        self._pause = _SHORT_S
        self._still: Stillness | None = None
        self._told = self._timed_out = False
        self._rest_until = 0.0

    def run(self) -> int:
        """Watch until the command ends, or is ended because it hangs.

        Returns its exit status, minus the number of a signal, or :attr:`ExitCode.HUNG`.
        """
        while self._target.status is None:
            self._target.wait(self._pause)
            if self._target.status is None:
                hung = self._look()
                if hung:
                    return int(ExitCode.HUNG)
        return self._target.status

    def _look(self) -> bool:
        """Look once; say whether the command was ended."""
        if self._target.relay.asked:
            self._target.relay.asked = False
            self._report("asked")
        began = time.monotonic()
        if self._pulse.beats():
            self._still_since = self._now()
            self._still, self._told = None, False
        cost_s = time.monotonic() - began
        kind = self._trouble()
        self._pace(cost_s)
        return bool(kind) and self._act(kind)

    def _act(self, kind: str) -> bool:
        """Do what was asked for in case of a hang; say whether the command was ended."""
        self._told = True
        if "report" in self._wishes.actions:
            self._report(kind)
        self._target.wait(0)
        if "kill" not in self._wishes.actions or self._target.status is not None:
            return False  # it has ended by itself meanwhile, for instance of a Ctrl-C
        self._tell_end(self._target.end())
        return True

    def _now(self) -> float:
        """Return the time without that in which the command was stopped."""
        return time.monotonic() - self._target.paused_s

    def _trouble(self) -> str:
        """Return what kind of trouble there is that has not been told yet; mostly none."""
        now = self._now()
        timeout = self._wishes.timeout_s
        if timeout is not None and not self._timed_out and now - self._began >= timeout:
            self._timed_out = True
            return "timed out"
        if self._told:
            return ""
        still, quiet_for = now - self._still_since, self._wishes.quiet_for_s
        if self._still is None and still >= min(STILL_S, quiet_for or STILL_S):
            self._examine()
        if self._still is None:
            return ""
        if self._still.proof:
            return "hung"
        if quiet_for is not None and still >= quiet_for and not self._still.excuse:
            return "quiet"
        return ""

    def _examine(self) -> None:
        """Find out what the tree waits for, but not again and again where that takes long."""
        from lab.watch import stillness

        began = time.monotonic()
        if began < self._rest_until:
            return
        self._still = stillness.examine(
            self._target.tree,
            root=self._target.pid,
            outside=self._target.lab,
            streams=self._target.streams,
        )
        ended = time.monotonic()
        self._rest_until = ended + (ended - began) * _SHARE

    def _pace(self, cost_s: float) -> None:
        """Set the next pause: a busy tree is looked at rarely, one that has just stopped soon."""
        if self._pulse_is_fresh():
            self._pause = _SHORT_S
        else:
            self._pause = min(self._pause * _GROWTH, _LONG_S)
        self._pause = max(self._pause, cost_s * _SHARE)
        for limit, since in (
            (self._wishes.timeout_s, self._began),
            (self._wishes.quiet_for_s, self._still_since),
        ):
            if limit is not None and (left := limit - (self._now() - since)) > 0:
                self._pause = min(self._pause, left)

    def _pulse_is_fresh(self) -> bool:
        """Whether the tree stands still, and what it waits for is not known yet."""
        return self._still is None and self._now() > self._still_since + _SHORT_S / 2

    def _report(self, kind: str) -> None:
        after_s, still_s = self._now() - self._began, self._now() - self._still_since
        from lab.watch import looking

        trouble = looking.look(
            kind,
            self._wishes.command,
            root=self._target.pid,
            tree=self._target.tree,
            outside=self._target.lab,
            after_s=after_s,
            still_s=still_s,
        )
        with contextlib.suppress(OSError):  # nobody reads what we say
            self._tell(trouble)
        # Where a tool had to stop the target, that made it run: it has not moved by itself.
        self._pulse.beats()


def environment() -> dict[str, str]:
    """Return what the command's environment is: the lab's own, but where Yama needs consent."""
    from lab.supervise import consent

    env = dict(os.environ)
    return consent.environment(env) if consent.is_needed() else env
