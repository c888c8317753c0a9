"""The real primitives, saved before any is replaced: the lab must not trip over itself.

A leaf: it imports nothing of the lab, and everything in the hunt that needs an uncontrolled lock,
clock or thread takes it from here.
"""

from __future__ import annotations

import _queue
import _thread
import os
import queue
import select as _select
import threading
import time
from typing import Any

allocate_lock = _thread.allocate_lock
get_ident = _thread.get_ident
get_native_id = _thread.get_native_id
start_new_thread = _thread.start_new_thread
start_joinable_thread: Any = getattr(_thread, "start_joinable_thread", None)  # 3.13

# The types whose instances, made before a hunt, are taken over when it starts.
LockType = _thread.LockType
RLockType = _thread.RLock

new_lock = threading.Lock
new_rlock = threading.RLock
simple_queue = _queue.SimpleQueue
py_simple_queue = queue._PySimpleQueue  # type: ignore[attr-defined]

thread_start = threading.Thread.start
thread_join = threading.Thread.join
thread_is_alive = threading.Thread.is_alive

sleep = time.sleep
monotonic = time.monotonic
monotonic_ns = time.monotonic_ns
perf_counter = time.perf_counter
perf_counter_ns = time.perf_counter_ns
wall = time.time
wall_ns = time.time_ns

pipe = os.pipe
pipe2 = os.pipe2
read = os.read
write = os.write
close = os.close
select = _select.select
poll = _select.poll
epoll = _select.epoll
