"""The pytest plug-in: hunts tests that are marked, decorated, or all of them with ``--lab-hunt``.

It is loaded by every run of pytest in an environment with the lab, so that it imports nothing but
pytest until there is a test to hunt.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab.plugin.summary import Line

MARK = "interleave"
PROPERTY = "lab_hunt"
"""The name under which a report carries the line on its hunt, from xdist's workers too."""

_LINE = (
    "interleave(executions=2000, seconds=None, model='both', strategy='portfolio', seed=0, "
    "trace=()): hunt this test: run it under many schedules (concurrency-lab)"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; each wins over what a mark or a decorator says."""
    group = parser.getgroup("lab", "concurrency-lab: hunt for the interleaving that breaks a test")
    add = group.addoption
    add("--lab-hunt", action="store_true", help="Hunt every selected test, not only marked ones.")
    add("--lab-executions", type=int, metavar="N", help="Schedules to try for each test.")
    add("--lab-seconds", type=float, metavar="S", help="Seconds to spend on each test at most.")
    add("--lab-model", metavar="gil|free-threaded|both", help="Where threads can be switched.")
    add("--lab-strategy", metavar="NAME", help="How schedules are chosen.")
    add("--lab-seed", type=int, metavar="N", help="Seed of the schedules.")
    add(
        "--lab-trace",
        action="append",
        metavar="PACKAGE",
        help="Switch in this installed package too; may be repeated.",
    )
    add(
        "--lab-race-timeouts",
        action="store_true",
        default=None,
        help="Let time-outs and sleeps end while other threads could still run.",
    )
    add("--lab-replay", metavar="TOKEN", help="Run exactly this schedule, of the test it is of.")
    add(
        "--lab-watch",
        nargs="?",
        const="",
        metavar="SECONDS",
        help="Name and diagnose a test that hangs (who waits for what, held by whom, on which "
        "lines), fail it, and go on with the next; where the hung test cannot be left, end the "
        "session with all reports written. A test hangs when nothing of its process tree can ever "
        "run again, which is seen at once; when nothing of it has run for 60 seconds; or, with "
        "SECONDS (then instead of the 60), when its setup, call or teardown takes longer. "
        "Hunted tests are left to the hunt's own watchdog.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Take ``--lab-watch tests`` for the option without seconds, and a path."""
    if "--lab-watch" in args[:-1]:
        from lab.plugin.asked import keep_paths

        keep_paths(early_config, parser, args)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark; check the options while a mistake can still be one clear line."""
    config.addinivalue_line("markers", _LINE)
    if any(config.getoption(f"lab_{name}") is not None for name in _VALUES) or config.getoption(
        "lab_replay"
    ):
        from lab.plugin.asked import check_options

        check_options(config)
    if config.getoption("lab_watch") is not None:
        from lab.plugin.watching import Watching

        config.pluginmanager.register(Watching(config, is_hunted=is_hunted), "lab-watch")


_VALUES = ("executions", "seconds", "model", "strategy", "seed", "trace", "race_timeouts")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--lab-replay``, leave only the test that the token is of."""
    token = config.getoption("lab_replay")
    if token:
        from lab.plugin.asked import keep_only

        keep_only(config, items, token)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    """Run the test, or hunt it if that was asked for."""
    if is_hunted(item):
        from lab.plugin.hunting import hunting

        with hunting(item, PROPERTY):
            return (yield)
    return (yield)


def is_hunted(item: pytest.Item) -> bool:
    """Whether the scheduler runs this test, instead of pytest."""
    function = getattr(item, "obj", None)
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return bool(
        item.config.getoption("lab_hunt")
        or item.config.getoption("lab_replay")
        or hasattr(inner, "__lab_interleave__")
        or item.get_closest_marker(MARK)
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:  # noqa: ARG001
    """Add the interleaving to the report of a failure that brings one but does not show it."""
    report = yield
    if call.excinfo is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        from lab.plugin.summary import add_notice

        add_notice(report, call.excinfo.value)
    if call.excinfo is not None and type(call.excinfo.value).__name__ == "NotLinearizable":
        from lab.plugin.summary import sections_of

        report.sections += sections_of(call.excinfo.value)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a line for each hunted test: what was explored, and what has no answer."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from lab.plugin.summary import publish_notices

        publish_notices(terminalreporter)
    lines: list[Line] = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY and getattr(report, "when", "") == "call"
    ]
    if lines:
        from lab.plugin.summary import print_lines

        print_lines(terminalreporter, lines)
