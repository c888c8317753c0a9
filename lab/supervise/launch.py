"""What to start and how: the values that a supervisor takes, and the errors of a failed start."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import InconclusiveError
from lab.faults import Fault
from lab.scenario import ParameterValue, Variant
from lab.supervise import consent

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@dataclass(frozen=True)
class Launch:
    """A program to start.

    ``output`` is the directory for ``stdout.txt`` and ``stderr.txt``; of each, ``cap_bytes`` are
    kept, half from the head and half from the tail. With ``handshake`` the program is expected to
    speak as :mod:`lab.supervise.bootstrap` does: say that it is ready, and wait to be let go.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    output: Path
    cap_bytes: int = 1 << 20
    handshake: bool = False


@dataclass(frozen=True)
class TargetSpec:
    """A scenario's program, as the bootstrap must run it.

    ``module`` is imported with ``path_entry``, if any, first on ``sys.path``; its ``attribute`` is
    the scenario. ``wrapper`` is ``package.module:function``: called with ``wrapper_arguments`` it
    returns an object with ``main()``, a context manager put around the program, and ``worker``,
    what the kit puts around each worker's function. ``faults`` are planted; what becomes of them
    is written into ``faults_directory``, which must exist then.
    """

    module: str
    path_entry: str
    attribute: str
    corrected: bool
    variant: Variant
    parameters: Mapping[str, ParameterValue]
    seed: int
    wrapper: str = ""
    wrapper_arguments: Mapping[str, Any] = field(default_factory=dict)
    observations: str = ""
    """The file that the program's own figures go to, a JSON line each."""
    faults: tuple[Fault, ...] = ()
    faults_directory: str = ""

    def text(self) -> str:
        """Return the specification in the form that the bootstrap reads."""
        return json.dumps(
            {
                "module": self.module,
                "path_entry": self.path_entry,
                "attribute": self.attribute,
                "corrected": self.corrected,
                "workers": self.variant.workers,
                "start_method": self.variant.start_method,
                "parameters": dict(self.parameters),
                "seed": self.seed,
                "wrapper": self.wrapper,
                "wrapper_arguments": dict(self.wrapper_arguments),
                "observations": self.observations,
                "faults": [str(fault) for fault in self.faults],
                "faults_directory": self.faults_directory,
            }
        )


class TargetNotReady(InconclusiveError):  # noqa: N818 - a state of the target more than an error
    """The target did not get as far as waiting for its start.

    ``stage`` is ``start`` (it could not be executed), ``import`` or ``lookup`` (of the scenario),
    ``exit`` (it ended without a word) or ``timeout``. ``message`` says what was seen in one line,
    ``traceback`` is the target's own, where there is one.
    """

    def __init__(self, stage: str, message: str, traceback: str = "") -> None:
        self.stage = stage
        self.message = message
        self.traceback = traceback
        super().__init__(f"the program was not ready to run ({stage}): {message}")


def scenario_launch(
    spec: TargetSpec, *, output: Path, cwd: Path, python: str = sys.executable
) -> Launch:
    """Return how to start the program of a scenario under the interpreter ``python``.

    The environment is the lab's own, with the hash seed fixed and output unbuffered, so that what
    a program has printed is not lost when it is killed.
    """
    env = dict(os.environ)
    env["PYTHONHASHSEED"] = str(spec.seed % (1 << 32))
    env.setdefault("PYTHONUNBUFFERED", "1")
    if consent.is_needed():
        env = consent.environment(env)
    return Launch(
        argv=(python, str(_BOOTSTRAP), spec.text()),
        env=env,
        cwd=cwd,
        output=output,
        handshake=True,
    )
