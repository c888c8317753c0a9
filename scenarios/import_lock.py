"""A module that waits, while it is imported, for a thread that imports it.

Importing a module takes a lock of its own, which its importer keeps until the module's body has
run. A body that starts a thread and waits for it must hope that the thread imports nothing that is
not ready yet, and that is at least the module itself.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from lab import Cause, Kit, OutcomeKind, Scenario, Truth, Wait, Workers

MODULE = "settings_read_by_a_thread"
"""A module that exists only here: ``Settings`` below finds it and runs its body."""


def read_settings() -> None:
    """Use the module, as any thread may, also one that it has started itself."""
    importlib.import_module(MODULE)  # lab: imports


def eager_body(kit: Kit) -> None:
    """The module's body: read the settings in a thread, and wait for them."""
    reader = kit.worker(read_settings, name="reader")
    reader.start()
    reader.join()  # lab: joins


def lazy_body(kit: Kit) -> None:
    """A body that starts nothing and waits for nothing."""
    del kit


class Settings(MetaPathFinder, Loader):
    """Finds the module, and runs ``body`` when it is imported."""

    def __init__(self, body: Callable[[], None]) -> None:
        self.body = body

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Say where the module is: here."""
        del path, target
        return ModuleSpec(fullname, self) if fullname == MODULE else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the body, as an import does."""
        del module
        self.body()


@contextlib.contextmanager
def installed(body: Callable[[], None]) -> Iterator[None]:
    """Let the module be found for a while."""
    settings = Settings(body)
    sys.meta_path.insert(0, settings)
    yield
    sys.meta_path.remove(settings)


def faulty(kit: Kit) -> None:
    """Import the module whose body waits."""
    with installed(lambda: eager_body(kit)):
        importlib.import_module(MODULE)  # lab: begins


def corrected(kit: Kit) -> None:
    """Import one whose body does not, and read the settings when it is complete."""
    with installed(lambda: lazy_body(kit)):
        importlib.import_module(MODULE)
        reader = kit.worker(read_settings, name="reader")
        reader.start()
        reader.join()


def truth() -> Truth:
    """The importer waits for the reader, and the reader for the importer."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        waits=(
            Wait(waiter="main", at="joins", holder="reader"),
            Wait(waiter="reader", at="imports", holder="main", held_at="begins"),
        ),
    )


SCENARIO = Scenario(
    name="import-lock",
    title="A module that waits for a thread which imports it",
    plants="The importer holds the module's lock and joins a thread that waits for that lock.",
    why=(
        "Import locks are taken by a statement that does not look like a lock. Two modules that "
        "import each other from two threads do not hang: CPython sees that circle of import locks "
        "and lets one have the module half-made. It cannot see a circle that runs through a join. "
        "Processes have import locks of their own, one for each, and cannot wait for each other's."
    ),
    cure="Let a module's body define things and start nothing; work when the import is complete.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.THREADS,),
    tags=("deadlock", "lock", "import"),
    claims=("T7", "T8"),
)
