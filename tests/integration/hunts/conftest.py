"""What the tests of hunts share."""

from __future__ import annotations

import os

import pytest

from tests.integration.hunts.programs import AT_A_DESK


@pytest.fixture
def at_a_desk(monkeypatch):
    """Programs that are started see somebody who works on a test, and no CI."""
    for name in os.environ.keys() - AT_A_DESK.keys():
        monkeypatch.delenv(name)
