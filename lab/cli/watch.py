"""``lab watch``: run the command, say what is wrong when it hangs, end as it ended.

Light until something is wrong: a command that ends well must not wait for what it does not need.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from lab.errors import InconclusiveError, UsageError
from lab.supervise.passthrough import Ended, Passthrough
from lab.supervise.relay import die_of
from lab.watch import session
from lab.watch.wishes import Wishes

TYPE_CHECKING = False  # known to type checkers; importing typing takes time
if TYPE_CHECKING:
    from pathlib import Path

    from lab.watch.looking import Trouble

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""As a shell, env(1) and timeout(1) have it."""


def watch_command(wishes: Wishes) -> int:
    """Run the command and return its exit code, or die of the signal that it died of."""
    if sys.platform != "linux":
        raise UsageError(f"lab watch on {sys.platform}", wanted="Linux")
    voice = Voice(wishes)
    with Passthrough(wishes.command, session.environment()) as target:
        if target.failure:
            return _not_started(wishes.command[0], target.failure)
        status = session.Session(wishes, target, voice.tell, voice.tell_end).run()
    if status < 0:
        die_of(-status)
        return 128 - status  # process 1 of a container does not die of most signals
    return status


def _not_started(name: str, number: int) -> int:
    """Complain as a shell would."""
    missing = number in (errno.ENOENT, errno.ENOTDIR)
    say(f"{name}: {'command not found' if missing else os.strerror(number)}")
    return NOT_FOUND if missing else NOT_EXECUTABLE


def say(line: str) -> None:
    """Write a line of the lab's own on stderr, which may be closed."""
    data = f"lab: {line}\n".encode(errors="backslashreplace")
    with contextlib.suppress(OSError):
        os.write(2, data)


class Voice:
    """Tells what is wrong: a few lines on stderr, the report, and what a CI service can show."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes

    def tell(self, trouble: Trouble) -> None:
        """Report on a command; only a hang leaves a directory, a question does not."""
        from lab.report import watched
        from lab.watch.looking import ASKED

        page = None if trouble.kind == ASKED else self._write(trouble)
        for line in watched.lines(trouble, page):
            say(line)
        if trouble.dump is not None and trouble.kind != ASKED and "GITHUB_ACTIONS" in os.environ:
            import shlex

            from lab.report import github

            # On stderr: stdout is the command's, and Actions reads workflow commands from both.
            command = shlex.join(trouble.command)
            github.announce(trouble.dump, command=command, environ=os.environ, stream=sys.stderr)

    def tell_end(self, ended: Ended) -> None:
        """Say what ending the tree found."""
        from lab.report import watched

        say(watched.end_line(ended))

    def _write(self, trouble: Trouble) -> Path | None:
        from pathlib import Path

        from lab.report import watched_page
        from lab.store import write_text
        from lab.watch.folder import WatchFolder

        if trouble.dump is None:
            return None
        try:
            folder = WatchFolder(Path(self._wishes.directory), trouble)
            write_text(folder.page, watched_page.render(trouble))
        except (UsageError, InconclusiveError) as error:
            say(f"no report: {error.line()}")
            return None
        return folder.page


def run_watch(words: list[str]) -> int | None:
    """Run ``lab watch`` with ``words``; ``None`` when they are for the command line's own help."""
    from lab.watch.wishes import read

    wishes = read(words)
    return watch_command(wishes) if wishes is not None else None
