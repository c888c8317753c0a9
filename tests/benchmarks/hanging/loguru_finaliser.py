"""A finaliser logs while the garbage collector runs inside the logger's own sink."""

import gc

from loguru import logger

REQUIRES = "loguru==0.6.0"
REPORT = "Delgan/loguru#712, mended by #720: an error instead"
CAUSES = {"self-deadlock"}
WAITS = {"main": "main"}


class Cycle:
    def __init__(self):
        self.me = self

    def __del__(self):
        logger.info("gone")


if __name__ == "__main__":
    logger.remove()
    logger.add(lambda _: gc.collect())
    Cycle()
    print("ready", flush=True)
    logger.info("hello")
