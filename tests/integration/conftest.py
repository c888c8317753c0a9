"""Fixtures of the integration tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def common(_ground: None) -> Iterator[Path]:
    """A directory that every user may write to. pytest's own closes whenever one is started."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        directory.parent.chmod(0o755)
        yield directory
