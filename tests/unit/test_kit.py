"""The kit returns the standard library's own objects, and nothing of the lab's."""

import multiprocessing
import queue
import threading
from multiprocessing import synchronize

import pytest

from lab import Kit, StartMethod, Variant, Workers

THREADS = Variant(Workers.THREADS)


def test_threads_get_the_objects_of_threading():
    kit = Kit(THREADS)
    assert type(kit.lock()) is type(threading.Lock())
    assert type(kit.rlock()) is type(threading.RLock())
    assert type(kit.worker(print, name="w")) is threading.Thread
    assert type(kit.queue()) is queue.Queue
    assert type(kit.event()) is threading.Event
    assert type(kit.condition()) is threading.Condition
    assert type(kit.semaphore(2)) is threading.Semaphore


@pytest.mark.parametrize("method", list(StartMethod))
def test_processes_get_the_objects_of_multiprocessing(method):
    kit = Kit(Variant(Workers.PROCESSES, method))
    context = multiprocessing.get_context(method)
    assert type(kit.lock()) is synchronize.Lock
    assert type(kit.rlock()) is synchronize.RLock
    assert type(kit.worker(print, name="w")) is context.Process


def test_a_worker_has_its_name_and_runs_its_function():
    seen = []
    worker = Kit(THREADS).worker(seen.append, 3, name="adder")
    assert worker.name == "adder"
    worker.start()
    worker.join()
    assert seen == [3]


def test_a_wrapper_is_put_around_every_function():
    seen = []

    def wrapper(function):
        return lambda *args: seen.append(("before", function(*args)))

    worker = Kit(THREADS, wrapper=wrapper).worker(lambda x: x + 1, 1, name="w")
    worker.start()
    worker.join()
    assert seen == [("before", 2)]
