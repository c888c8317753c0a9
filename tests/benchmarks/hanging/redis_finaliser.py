"""The collector finds a subscription while the pool makes a connection: it gives one back to it."""

import gc

import redis
from redis.connection import Connection, ConnectionPool

REQUIRES = "redis==6.1.0"
REPORT = "redis/redis-py#3289, mended in 6.2.0"
CAUSES = {"self-deadlock"}
WAITS = {"main": "main"}


class Silent(Connection):
    """A connection to no server, made when the collector happens to run."""

    def __init__(self, **options):
        gc.collect()
        super().__init__(**options)

    def connect(self):
        pass

    def disconnect(self, *_):
        pass

    def can_read(self, *_, **__):
        return False

    def send_command(self, *_, **__):
        pass


if __name__ == "__main__":
    pool = ConnectionPool(connection_class=Silent)
    client = redis.Redis(connection_pool=pool)
    print("ready", flush=True)
    for _ in range(5):
        subscription = client.pubsub()
        subscription.subscribe(channel=lambda _, kept=subscription: kept)
        del subscription
        pool.release(pool.get_connection())
        pool.get_connection()
