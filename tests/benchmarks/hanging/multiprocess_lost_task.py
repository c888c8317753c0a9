"""A worker of a pool is killed in a task: the task is lost, and its result never comes."""

import os
import signal

import multiprocess

REQUIRES = "multiprocess==0.70.16"
REPORT = "python/cpython#66587, of which this package is a fork"
CAUSES = {"unsatisfied-wait", "unknown"}
WAITS = {"main": None}


def work(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


if __name__ == "__main__":
    with multiprocess.Pool(2) as pool:
        print("ready", flush=True)
        pool.map(work, range(8), chunksize=1)
