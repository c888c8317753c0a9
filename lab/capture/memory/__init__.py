"""Reading Python objects out of another process, without stopping it.

py-spy prints where a local variable lives, but not what a lock's memory says. These modules read a
few words of it through ``/proc/PID/mem``: what type an object has, the attributes that matter to a
wait, who owns a lock. Everything read may be garbage (the target may be running), so every size is
bounded, and whatever cannot be made sense of ends as unknown.
"""

from lab.capture.memory.access import CannotReadMemoryError, Memory
from lab.capture.memory.interpreter import Interpreter, find_interpreter
from lab.capture.memory.objects import Objects

__all__ = ["CannotReadMemoryError", "Interpreter", "Memory", "Objects", "find_interpreter"]
