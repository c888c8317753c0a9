"""Runs one scenario's program inside the target. Executed by path, as the target's ``__main__``.

It says over an inherited socket that it is ready, waits to be let go, closes the socket and runs
the program as a script would: exceptions, exit codes and threads that are left take their natural
course. ``spawn`` and ``forkserver`` import this file again in each worker, so that its top level
must stay harmless; what those workers need of ``sys.path`` they are given by ``multiprocessing``.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HANDSHAKE = "LAB_HANDSHAKE"
"""The environment variable with the number of the socket's descriptor."""

_ROOT = str(Path(__file__).resolve().parents[2])


class ScenarioLookupError(Exception):
    """The module was imported, but what it should offer is not there."""


def resolve(reference: str) -> Any:
    """Return what ``package.module:name`` refers to."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def find_scenario(module: str, attribute: str) -> Any:
    """Import ``module`` and return the scenario in it. Raises :class:`ScenarioLookupError`."""
    from lab.scenario import Scenario

    loaded = importlib.import_module(module)
    try:
        scenario = getattr(loaded, attribute)
    except AttributeError:
        raise ScenarioLookupError(f"module {module} has no attribute {attribute!r}") from None
    if not isinstance(scenario, Scenario):
        raise ScenarioLookupError(
            f"{module}:{attribute} is a {type(scenario).__name__}, no Scenario"
        )
    return scenario


def prepare(spec: dict[str, Any]) -> Callable[[], None]:
    """Import all that the program needs and return it, ready to be called."""
    import random

    from lab.kit import Kit
    from lab.scenario import StartMethod, Variant, Workers

    scenario = find_scenario(spec["module"], spec["attribute"])
    program = scenario.corrected if spec["corrected"] else scenario.faulty
    method = spec["start_method"]
    variant = Variant(Workers(spec["workers"]), StartMethod(method) if method else None)
    hook: Any = resolve(spec["wrapper"])(**spec["wrapper_arguments"]) if spec["wrapper"] else None
    wrapper = hook.worker if hook else None
    kit = Kit(
        variant, seed=spec["seed"], wrapper=wrapper, observations=spec.get("observations", "")
    )
    random.seed(spec["seed"])
    passed = _arm(spec, threads=not method)

    def run() -> None:
        passed("start")
        program(kit, **spec["parameters"])

    def run_measured() -> None:
        with hook.main():
            run()

    # Without a hook no `with` is on the stack: a diagnosis would have to ask whether it is a lock.
    return run_measured if hook else run


def _arm(spec: dict[str, Any], *, threads: bool) -> Callable[[str], None]:
    """Arm this process with the planted faults, if there are any; return what passes a point."""
    if not spec["faults"]:
        return lambda _point: None
    from lab import armed

    plan = {"faults": spec["faults"], "directory": spec["faults_directory"]}
    try:
        return armed.arm({**plan, "main_pid": os.getpid(), "threads": threads})
    except armed.FaultPlanError as error:
        raise ScenarioLookupError(f"planted fault: {error}") from None


def _arm_worker() -> None:
    """Arm a worker that has imported this file again: it was spawned, or comes of a fork server."""
    if "LAB_FAULTS" in os.environ:
        from lab import armed

        armed.arm_again()


def tell(channel: int, **message: str) -> None:
    """Send one line to the supervisor."""
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(channel, data) :]


def explain(error: BaseException) -> dict[str, str]:
    """Describe why the program cannot be run."""
    return {
        "stage": "lookup" if isinstance(error, ScenarioLookupError) else "import",
        "message": "".join(traceback.format_exception_only(error)).strip().splitlines()[-1],
        "traceback": "".join(traceback.format_exception(error)),
    }


def main() -> None:
    """Prepare, shake hands, run."""
    channel = int(os.environ.pop(HANDSHAKE))
    os.set_inheritable(channel, False)
    # A crash that is planted needs no core file: each is as large as the program.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    spec = json.loads(sys.argv.pop())
    sys.path[:1] = filter(None, [spec["path_entry"]])  # in place of this file's directory
    if _ROOT not in sys.path:
        sys.path.append(_ROOT)
    try:
        run = prepare(spec)
    except BaseException as error:  # noqa: BLE001 - whatever a module raises on import, it is told
        tell(channel, **explain(error))
        sys.exit(1)
    tell(channel, stage="ready")
    if not os.read(channel, 1):
        sys.exit(1)  # the lab is gone
    os.close(channel)
    run()


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":
    _arm_worker()
