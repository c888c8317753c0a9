"""Who holds the lock of a module: the thread that imports it, as the lock itself says.

CPython's ``importlib._bootstrap._ModuleLock`` notes the module's name and its owner's ident.
"""

from __future__ import annotations

import ast

from lab.diagnose.blocked import Blocked
from lab.diagnose.holders import Holder
from lab.diagnose.places import first_users
from lab.diagnose.scene import Scene, Thread
from lab.model import Evidence, Frame, SourceLine


def importer_of(scene: Scene, wait: Blocked) -> Holder:
    """Return the thread that imports the module which ``wait`` is for."""
    objects = wait.thread.process.objects
    owner = objects.get(wait.target.attributes.get("owner", 0)) if wait.target else None
    ident = int(owner.text) if owner and owner.type == "int" and owner.text else 0
    for thread in scene.threads:
        if ident and thread.process is wait.thread.process and thread.stack.ident == ident:
            because = f"the module's lock names {thread.label} as its owner"
            at = _import_line(scene, thread, wait.name)
            return Holder(Evidence.CONFIRMED, because, thread, at, name=wait.name)
    return Holder(Evidence.UNKNOWN, "the owner of the module's lock could not be read")


def _import_line(scene: Scene, thread: Thread, module: str) -> SourceLine | None:
    """Return the program's line that began the import of ``module``."""
    for index, frame in enumerate(thread.frames):
        if frame.function == "_find_and_load" and _name_in(frame) == module:
            outer = first_users(thread.frames[index:])
            return None if outer is None else scene.line(thread, index + outer)
    return None


def _name_in(frame: Frame) -> object:
    """Return the value of the local variable ``name``."""
    text = next((local.text for local in frame.locals if local.name == "name"), "")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
