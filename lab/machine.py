"""What a run took place on: interpreter, machine, versions of the tools, state of the checkout."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from lab.model import Machine

TOOLS = ("concurrency-lab", "py-spy", "memray", "msgspec", "psutil")


def describe_machine() -> Machine:
    """Return the interpreter, the CPUs this process may use, the memory and the tools' versions."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpus=usable_cpus(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
        executable=sys.executable,
        versions={tool: version for tool in TOOLS if (version := _version(tool))},
    )


def usable_cpus() -> int:
    """Return how many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def git_state(directory: Path) -> str:
    """Return the commit of the checkout around ``directory``, and whether it has local changes.

    Empty outside a checkout, and where git is missing or does not answer.
    """
    commit = _git(directory, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return ""
    return f"{commit}, with local changes" if _git(directory, "status", "--porcelain") else commit


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
