"""The project's jobs: ``nox -l`` lists them. Each makes its own environment."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.13", "3.12"]
# What no interpreter decides: pages in a browser, figures of the machine, and thirty repeats of
# what other tests do once. Only the first Python is asked for it, unless tests are named.
ONCE = (
    "tests/integration/claims",
    "tests/integration/hunts/test_page_browser.py",
    "tests/integration/report",
    "tests/integration/test_readme.py",
    "tests/integration/watch/test_page_browser.py",
    "tests/quality/test_deadlock_repeats.py",
    "tests/unit/claims",
    "tests/unit/report",
)
# Every program of the lab's starts anew: compiling what it imports each time triples its start.
COMPILED = {"UV_COMPILE_BYTECODE": "1", "PYTHONDONTWRITEBYTECODE": None}


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project as it stands here, with every extra that its tests use."""
    wanted = [word for group in groups for word in nox.project.dependency_groups(PROJECT, group)]
    session.install("--editable", ".[hunt]", *wanted, env=COMPILED)


@nox.session
def lab(session: nox.Session) -> None:
    """Run the lab: nox -s lab -- run deadlock."""
    session.install(".", env=COMPILED)
    session.run("lab", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on each supported Python that is here; pytest options may follow --."""
    _install(session, "test")
    # A file's tests stay together: they share what is expensive to set up. One that hangs ends its
    # worker, and is tried again by the next: a few times are enough.
    together = ("-n", "auto", "--dist", "loadfile", "--max-worker-restart", "2")
    first = session.python == PYTHONS[0] or session.posargs
    left_out = [] if first else [f"--ignore={path}" for path in ONCE]
    session.run("python", "-m", "pytest", *together, *left_out, *session.posargs, env=COMPILED)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, types and layers."""
    _install(session, "lint", "test")  # the types of what the plug-in is made for
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print the measurements: nox -s benchmarks [-- NAME...] runs all, or those named."""
    _install(session, "test", "benchmark")
    session.run("python", "-m", "tests.benchmarks", *session.posargs, env=COMPILED)
