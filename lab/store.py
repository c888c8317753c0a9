"""The run directory: the only module that knows the names of its files.

``run.json`` is written first, ``history.jsonl`` line by line, ``captures/<trial>/`` during the
run, and ``result.json`` once, by atomic rename. Whatever is missing tells how far a run came.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lab.errors import InconclusiveError, LabError, UsageError
from lab.model import (
    SCHEMA_VERSION,
    SCHEMAS,
    ClaimsResult,
    Event,
    Measurements,
    Observation,
    Record,
    RunHeader,
    RunRecord,
    RunResult,
    Snapshot,
    Trial,
)

HEADER = "run.json"
HISTORY = "history.jsonl"
RESULT = "result.json"
CAPTURES = "captures"
REPORT = "report.html"
SNAPSHOT = "snapshot.json"
DUMP = "dump.json"
OBSERVATIONS = "observed.jsonl"
HUNT = "hunt"
"""The directory of the hunt that belongs to a run."""
CLAIMS = "claims.json"
MEASUREMENTS = "measurements.json"
COMPARISON = "comparison"


def new_run_id() -> str:
    """Return ``<UTC time>-<6 hex digits>``: sorts by time, and does not repeat."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the ways in which writing fails into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "free some space, or another --output DIR"
            raise InconclusiveError(f"no space left to record in {path}", next_step=hint) from error
        raise UsageError(
            f"cannot write {path}: {error.strerror}",
            wanted="a directory that you may write to",
            next_step="another --output DIR",
        ) from error


def _pretty(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def write_record(path: Path, record: Record) -> None:
    """Write a record that stands alone, and the directories above it.

    Raises :class:`UsageError` when it may not be written, and :class:`InconclusiveError` on a full
    disk.
    """
    write_text(path, _pretty(record).decode())


def write_text(path: Path, text: str) -> None:
    """Write a file as :func:`write_record` does."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_atomically(path, text.encode())


class RunDirectory:
    """A run being written. ``root`` is the directory of this one run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._history: int | None = None
        self._began = time.monotonic()

    @classmethod
    def create(cls, output: Path, header: RunHeader) -> RunDirectory:
        """Make ``output/<scenario>/<run id>/`` and write the header into it.

        Raises :class:`UsageError` when it may not be written, and :class:`InconclusiveError` on a
        full disk.
        """
        run = cls(output / header.scenario.name / header.id)
        with _explained(run.root):
            (run.root / CAPTURES).mkdir(parents=True)
            _write_atomically(run.root / HEADER, _pretty(header))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            run._history = os.open(run.root / HISTORY, flags, 0o644)
        return run

    @property
    def report(self) -> Path:
        """Where the page goes."""
        return self.root / REPORT

    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def captures(self, trial: str) -> Path:
        """Return the directory for the artifacts of a trial, made if need be."""
        path = self.root / CAPTURES / trial
        with _explained(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def append(self, event: Event) -> None:
        """Add a line to the history; it is with the kernel when this returns."""
        if self._history is None:
            raise LabError(f"the history of {self.root} is closed")
        line = msgspec.json.encode(event) + b"\n"
        with _explained(self.root / HISTORY):
            written = os.write(self._history, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def save_snapshot(self, trial: str, snapshot: Snapshot) -> str:
        """Write a snapshot and return its path relative to the run directory."""
        path = self.captures(trial) / SNAPSHOT
        with _explained(path):
            _write_atomically(path, _pretty(snapshot))
        return self.relative(path)

    def observations(self, trial: str) -> Path:
        """Return the file that the program of a trial writes its own figures to."""
        return self.captures(trial) / OBSERVATIONS

    def observed(self, trial: str) -> tuple[Observation, ...]:
        """Return the figures that the program of a trial reported, the last of each name.

        A line that a killed program left half-written is not a figure.
        """
        try:
            lines = self.observations(trial).read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        found: dict[str, Observation] = {}
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError):
                figure = msgspec.json.decode(line, type=Observation)
                found[figure.name] = figure
        return tuple(found.values())

    def relative(self, path: Path) -> str:
        """Return ``path`` as it is named in records."""
        return path.relative_to(self.root).as_posix()

    def hashes(self) -> dict[str, str]:
        """Return ``{artifact: sha256:<hex>}`` for every file under ``captures``."""
        return {
            self.relative(path): f"sha256:{_digest(path)}"
            for path in sorted((self.root / CAPTURES).rglob("*"))
            if path.is_file()
        }

    def finish(self, result: RunResult) -> None:
        """Write the result: from now on the run counts as finished."""
        with _explained(self.root / RESULT):
            _write_atomically(self.root / RESULT, _pretty(result))

    def write_report(self, page: str) -> Path:
        """Write the page and return where it is."""
        return write_page(self.root, page)

    def close(self) -> None:
        """Close the history; safe to call twice."""
        if self._history is not None:
            os.close(self._history)
            self._history = None


def comparison_directory(output: Path) -> Path:
    """Make a directory for the page of a comparison, ``output/comparison/<id>``."""
    path = output / COMPARISON / new_run_id()
    with _explained(path):
        path.mkdir(parents=True)
    return path


def claims_directory(output: Path, claims_id: str) -> Path:
    """Make the directory for what is measured for claims, ``output/claims/<id>``.

    Raises :class:`UsageError` when it may not be written.
    """
    path = output / "claims" / claims_id
    with _explained(path):
        path.mkdir(parents=True)
    return path


def save_claims(directory: Path, record: Measurements | ClaimsResult) -> str:
    """Write what was measured, or what follows from it, and return the name of the file."""
    name = MEASUREMENTS if isinstance(record, Measurements) else CLAIMS
    with _explained(directory / name):
        _write_atomically(directory / name, _pretty(record))
    return name


def write_page(directory: Path, page: str) -> Path:
    """Write a page into ``directory`` and return where it is."""
    path = directory / REPORT
    with _explained(path):
        _write_atomically(path, page.encode())
    return path


def _write_atomically(path: Path, data: bytes) -> None:
    """Write beside ``path``, flush to the disk, and rename: a reader sees all of it or nothing."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(directory: Path) -> RunRecord:
    """Read a run directory, finished or not.

    A history that was cut off in the middle of a line is read up to there. Raises
    :class:`UsageError` when ``directory`` holds no run, or one of another version.
    """
    header = _read(directory / HEADER, RunHeader)
    if header is None:
        raise UsageError(
            f"{directory} holds no {HEADER}",
            wanted="the directory of a run",
            next_step="lab run deadlock, which prints one",
        )
    return RunRecord(
        directory=str(directory),
        header=header,
        history=tuple(_read_history(directory / HISTORY)),
        result=_read(directory / RESULT, RunResult),
    )


def find_runs(place: Path) -> Iterator[RunRecord]:
    """Yield the runs in ``place``: itself, or directories at most two levels below it.

    What cannot be read, such as a run of a newer version, is left out.
    """
    for depth in ("", "*/", "*/*/"):
        for header in sorted(place.glob(f"{depth}{HEADER}")):
            with contextlib.suppress(UsageError):
                yield load(header.parent)


def newest_claims(place: Path) -> tuple[ClaimsResult | None, Measurements | None]:
    """Return the newest verdicts on the claims in ``place``, and what was measured for them.

    What cannot be read is left out, as with runs.
    """
    found = list(_find_claims(place))
    if not found:
        return None, None
    result, measurements = max(found, key=lambda each: (each[0].started_at, each[0].directory))
    return result, measurements


def _find_claims(place: Path) -> Iterator[tuple[ClaimsResult, Measurements | None]]:
    for depth in ("", "*/", "*/*/"):
        for file in place.glob(f"{depth}{CLAIMS}"):
            with contextlib.suppress(UsageError):
                result = _read(file, ClaimsResult)
                if result is not None:
                    result = msgspec.structs.replace(result, directory=str(file.parent))
                    yield result, _read(file.parent / MEASUREMENTS, Measurements)


def kept_text(directory: Path, trial: Trial, stream: str, most: int) -> str:
    """Return the end of what was kept of ``stdout`` or ``stderr``: at most ``most`` bytes of it.

    Empty where nothing was kept, or where the file is gone or outside the run.
    """
    root = directory.resolve()
    for output in trial.output:
        path = (root / output.artifact).resolve()
        if output.stream != stream or not output.artifact or not path.is_relative_to(root):
            continue
        with contextlib.suppress(OSError), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read().decode(errors="replace")
    return ""


def load_snapshot(directory: Path, trial: str) -> Snapshot | None:
    """Return the snapshot that a trial left, or ``None``."""
    return _read(directory / CAPTURES / trial / SNAPSHOT, Snapshot)


class _Versioned(Record, frozen=True, kw_only=True):
    """The one field that is read before the others, which differ from version to version."""

    schema_version: int = SCHEMA_VERSION


def _read[T: Record](path: Path, kind: type[T]) -> T | None:
    try:
        data = path.read_bytes()
        _check_version(path, msgspec.json.decode(data, type=_Versioned).schema_version)
        return msgspec.json.decode(data, type=kind)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        names = [name for name, each in SCHEMAS.items() if each is kind]
        raise UsageError(
            f"cannot read {path}: {error}",
            wanted=f"a whole {kind.__name__}",
            next_step=f"lab schema {names[0]}, which describes it" if names else "",
        ) from error


def _check_version(path: Path, version: int) -> None:
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schema version {version}",
            wanted=str(SCHEMA_VERSION),
            next_step="a newer lab" if version > SCHEMA_VERSION else "the lab that wrote it",
        )


def _read_history(path: Path) -> Iterator[Event]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Event)
        except msgspec.MsgspecError:
            return  # the lab was killed in the middle of this line: what came before it is whole
