"""A child is waited for that cannot end: its terminal is full, and nobody reads it."""

import pexpect

REQUIRES = "pexpect==4.9.0"
REPORT = "peplin/pygatt#291"
CAUSES = {"wait-cycle", "unknown", "none"}
WAITS = {"main": "seq"}

if __name__ == "__main__":
    child = pexpect.spawn("seq 1 1000000")
    print("ready", flush=True)
    child.wait()
