"""What a session has reported so far, for the case that it cannot finish: one line a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

NAME: Final = "reports.jsonl"
_KEPT: Final = (
    "xmlpath", "junitprefix", "verbose", "tbstyle", "reportchars", "color", "showcapture",
    "fulltrace", "no_summary",
)  # fmt: skip
_INI: Final = ("junit_family", "junit_suite_name", "junit_logging", "junit_log_passing_tests",
               "junit_duration_report")  # fmt: skip


class Journal:
    """Appends each report to a file in ``folder``, in the form in which xdist sends them."""

    def __init__(self, folder: Path, config: pytest.Config) -> None:
        self._config = config
        self._file = (folder / NAME).open("w", encoding="utf-8")

    def add(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Write down ``report``."""
        if self._file.closed:
            return
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._file.write(json.dumps(data, default=repr) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def ending_options(session: pytest.Session) -> dict[str, Any]:
    """Return what another process needs to report in the session's place, as plain values."""
    config = session.config
    options = {name: config.getoption(name, None) for name in _KEPT}
    return {
        "options": options,
        "ini": {name: str(config.getini(name)) for name in _INI},
        "root": str(config.rootpath),
        "cwd": str(config.invocation_params.dir),
        "selected": len(session.items),
    }
