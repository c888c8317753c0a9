"""The records: everything the lab writes down about a run, as frozen, versioned structs.

Units: every ``*_s`` is in seconds, every ``*_bytes`` in bytes. Times inside a trial count from its
start on the monotonic clock. Unknown fields of a newer version are ignored when read.
"""

from lab.model.base import SCHEMA_VERSION, Record
from lab.model.capture import (
    CaptureReport,
    CaptureStatus,
    Footprint,
    FootprintSample,
    Frame,
    HeapUse,
    Local,
    LockState,
    ProcessCapture,
    RemoteObject,
    Snapshot,
    ThreadStack,
)
from lab.model.diagnosis import (
    Actor,
    Answer,
    AnswerKind,
    Check,
    Debuggability,
    Diagnosis,
    Edge,
    Evidence,
    Resource,
    Verdict,
    VerdictKind,
)
from lab.model.moment import Dump, Motion, ThreadMoment
from lab.model.run import (
    Event,
    Expectation,
    ExpectedWait,
    Machine,
    Output,
    Purpose,
    Reaped,
    RunHeader,
    RunRecord,
    RunResult,
    ScenarioInfo,
    StopExperiment,
    Trial,
)
from lab.model.tree import Outcome, ProcessInfo, Proof, SourceLine, ThreadWait
from lab.scenario import NoHolder

SCHEMAS: dict[str, type[Record]] = {
    "run": RunHeader,
    "event": Event,
    "result": RunResult,
    "dump": Dump,
    "snapshot": Snapshot,
}
"""The records that are written to files, by the name that ``lab schema`` knows them by."""

__all__ = [
    "SCHEMAS",
    "SCHEMA_VERSION",
    "Actor",
    "Answer",
    "AnswerKind",
    "CaptureReport",
    "CaptureStatus",
    "Check",
    "Debuggability",
    "Diagnosis",
    "Dump",
    "Edge",
    "Event",
    "Evidence",
    "Expectation",
    "ExpectedWait",
    "Footprint",
    "FootprintSample",
    "Frame",
    "HeapUse",
    "Local",
    "LockState",
    "Machine",
    "Motion",
    "NoHolder",
    "Outcome",
    "Output",
    "ProcessCapture",
    "ProcessInfo",
    "Proof",
    "Purpose",
    "Reaped",
    "Record",
    "RemoteObject",
    "Resource",
    "RunHeader",
    "RunRecord",
    "RunResult",
    "ScenarioInfo",
    "Snapshot",
    "SourceLine",
    "StopExperiment",
    "ThreadMoment",
    "ThreadStack",
    "ThreadWait",
    "Trial",
    "Verdict",
    "VerdictKind",
]
