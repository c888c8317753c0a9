"""What each thread of a process tree is blocked in, as the kernel sees it, and who could wake it.

This is the ground of the watchdog's proof and of the wait-for graph's kernel edges. It reads
``/proc`` only, stops nothing, and knows the records and :mod:`lab.procfs` and nothing else.
"""

from lab.kernel.waits import thread_waits, trace_refused

__all__ = ["thread_waits", "trace_refused"]
