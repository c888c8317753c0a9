"""The hunt's own work raises no audit event where an access is looked up: hooks are not free.

A process that asks by a hook whether its test reaches outside would spend more on that than on the
schedule. The hook of this test cannot be taken back, so it is set in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys, threading
from lab.hunt import Settings, hunt
from lab.hunt.locks import Bench

class Shared:
    value = 0

def body():
    shared = Shared()
    def work():
        shared.value = shared.value + len("x")
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def hook(event, arguments):
    if event == "builtins.id" and Bench.engine.current is not None:
        sys.asked += 1  # what this module keeps would be put back before every execution

sys.addaudithook(hook)
counts = []
for executions in (300, 1000):
    sys.asked = 0
    done = hunt(body, Settings(model=sys.argv[1], executions=executions))
    counts.append((done.executions, sys.asked))
print(json.dumps(counts))
"""


@pytest.mark.parametrize("model", ["free-threaded", "gil"])
def test_an_execution_asks_for_no_identity(tmp_path, model):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, path, model],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    (few, before), (many, after) = json.loads(done.stdout)
    assert (few, many) == (300, 1000)
    # Observed executions do, to tell objects apart, and both hunts have as many of those.
    assert before > 0
    assert after <= before
