"""Reports in place of a session whose main thread cannot be reached, so that nothing is lost.

What it had reported is in its journal. A second run of pytest, without the user's configuration
and plug-ins and without tests, is given these reports and that of the hung test: so the terminal
shows the failures, and the JUnit file is written, by pytest itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.plugin.hangs import Hang, hangs_in, print_hangs

if TYPE_CHECKING:
    import pytest

_LIMIT_S: Final = 60.0
_START: Final = """
import sys
sys.path.append(sys.argv[1])
from lab.plugin.ending import report
sys.exit(report(sys.argv[2], sys.argv[3]))
"""
_ROOT: Final = str(Path(__file__).resolve().parents[2])


def replay(folder: Path, known: dict[str, Any], hang: Hang) -> None:
    """Report what is in ``folder``, and that ``hang`` ended the session, of which this is known."""
    words = json.dumps({**known, "test": hang.test, "phase": hang.phase, "text": hang.text,
                        "location": hang.location})  # fmt: skip
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-P", "-c", _START, _ROOT, str(folder), words],
            env={**os.environ, **alone}, cwd=known["cwd"], stdin=subprocess.DEVNULL,
            timeout=_LIMIT_S, check=False,
        )  # fmt: skip


def report(folder: str, words: str) -> int:
    """Run pytest over the reports in ``folder``; return its exit status."""
    import pytest

    known = json.loads(words)
    print(f"\nlab: {known['test']} hung where no signal reaches it, so the session ends here.")
    return int(pytest.main(_arguments(known), plugins=[Replay(Path(folder), known)]))


def _arguments(known: dict[str, Any]) -> list[str]:
    options = known["options"]
    words = ["--noconftest", "-c", os.devnull, "--rootdir", known["root"], "--no-header"]
    words += ["-p", "no:cacheprovider", f"--tb={options['tbstyle']}", f"--color={options['color']}"]
    words += ["-r", options["reportchars"], f"--show-capture={options['showcapture']}"]
    words += ["-v"] * options["verbose"] + ["-q"] * -options["verbose"]
    if options["xmlpath"]:
        words += [f"--junitxml={options['xmlpath']}"]
        words += [f"--junit-prefix={options['junitprefix']}"] if options["junitprefix"] else []
    for name, value in known["ini"].items():
        words += ["-o", f"{name}={value}"]
    return words


class Replay:
    """Gives pytest the reports that another session made, and collects and runs nothing."""

    def __init__(self, folder: Path, known: dict[str, Any]) -> None:
        self._folder = folder
        self._known = known
        self._finished: set[str] = set()

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect nothing."""
        session.items = []
        return True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Report, as xdist's controller does."""
        hook = session.config.hook
        for each in self._reports(session.config):
            if hasattr(each, "when"):
                self._finished.add(each.nodeid)
                hook.pytest_runtest_logreport(report=each)
            else:
                hook.pytest_collectreport(report=each)
        return True

    def _reports(self, config: pytest.Config) -> Iterator[Any]:
        from lab.plugin.journal import NAME

        for line in (self._folder / NAME).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                data = json.loads(line)
                yield config.hook.pytest_report_from_serializable(config=config, data=data)
        yield self._hung(self._known["phase"], "failed", self._known["text"])
        if self._known["phase"] != "teardown":
            yield self._hung("teardown", "passed", None)

    def _hung(self, phase: Any, outcome: Any, text: str | None) -> Any:
        import pytest

        line: Any = tuple(self._known["location"])
        test = self._known["test"]
        return pytest.TestReport(test, line, {}, outcome, text, phase)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Name the tests that hung, and say how many were not run."""
        print_hangs(terminalreporter, hangs_in(self._folder))
        left = self._known["selected"] - len(self._finished)
        if left > 0:
            terminalreporter.line(f"not run, because the session ended: {left} of the tests")
