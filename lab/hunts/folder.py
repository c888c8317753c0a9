"""The directory of a hunt: the same names as a run's, and the schedule beside them."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from lab.errors import UsageError
from lab.hunt import HuntResult
from lab.hunt.schedule import parse
from lab.store import CAPTURES, HEADER, REPORT, RESULT, new_run_id

SCHEDULE: Final = "schedule.json"
_MOST_SOURCE: Final = 400_000  # characters of one file that are kept


class HuntHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, written before the hunt begins."""

    id: str
    reference: str
    wishes: dict[str, Any]
    command: str
    python: str
    schema_version: int = 1


class HuntRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: ``inconclusive`` is empty when it is an answer; ``sources`` are by path."""

    header: HuntHeader
    result: HuntResult
    inconclusive: str = ""
    sources: dict[str, str] = {}


class HuntFolder:
    """The directory ``root`` of one hunt, made when this is."""

    @classmethod
    def under(cls, output: Path, reference: str, wishes: dict[str, Any]) -> HuntFolder:
        """Make the directory of a hunt by itself: ``output/<name of the test>/<id>``."""
        name = re.sub(r"[^\w.-]+", "-", reference.rpartition("/")[2]).strip("-.") or "hunt"
        return cls(output / name, reference, wishes)

    @classmethod
    def at(cls, root: Path, reference: str, wishes: dict[str, Any]) -> HuntFolder:
        """Make the directory of a hunt that belongs to something else: ``root`` itself."""
        return cls(root, reference, wishes, own=False)

    def __init__(
        self, place: Path, reference: str, wishes: dict[str, Any], *, own: bool = True
    ) -> None:
        self.header = HuntHeader(
            id=new_run_id(),
            reference=reference,
            wishes=wishes,
            command=shlex.join(["lab", *sys.argv[1:]]),
            python=f"{platform.python_implementation()} {platform.python_version()}",
        )
        self.root = place / self.header.id if own else place
        try:
            self.captures.mkdir(parents=True)
            self._write(HEADER, msgspec.json.encode(self.header))
        except OSError as error:
            raise UsageError(
                f"cannot write {self.root}: {error.strerror}",
                wanted="a directory that you may write to",
                next_step="another --output DIR",
            ) from error

    @property
    def captures(self) -> Path:
        """Where the output of the test goes."""
        return self.root / CAPTURES

    def finish(self, result: HuntResult, inconclusive: str) -> HuntRecord:
        """Write the schedule and the result, and return the whole record."""
        if result.schedule:
            parse(result.schedule).save(self.root / SCHEDULE)
        record = HuntRecord(
            header=self.header,
            result=result,
            inconclusive=inconclusive,
            sources=_sources(result),
        )
        self._write(RESULT, msgspec.json.encode(record))
        return record

    def write_page(self, page: str) -> Path:
        """Write the page and return where it is."""
        (self.root / REPORT).write_text(page, encoding="utf-8")
        return self.root / REPORT

    @staticmethod
    def load(root: Path) -> HuntRecord | None:
        """Return the record of a hunt that was finished, None where there is none."""
        try:
            return msgspec.json.decode((root / RESULT).read_bytes(), type=HuntRecord)
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        partial = self.root / f".{name}.part"
        partial.write_bytes(msgspec.json.format(data, indent=1) + b"\n")
        partial.replace(self.root / name)


def _sources(result: HuntResult) -> dict[str, str]:
    """Return the text of every file that the failing execution passed through."""
    found = {}
    for file in dict.fromkeys(step.file for step in result.steps):
        path = Path(file)
        if path.is_file():
            found[file] = path.read_text(encoding="utf-8", errors="replace")[:_MOST_SOURCE]
    return found
