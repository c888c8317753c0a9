"""A collector makes a metric when it is described: the registry holds its lock meanwhile."""

from prometheus_client import CollectorRegistry, Counter

REQUIRES = "prometheus-client==0.20.0"
REPORT = "prometheus/client_python#1014"
CAUSES = {"self-deadlock"}
WAITS = {"main": "main"}

REGISTRY = CollectorRegistry()


class Lazy:
    def describe(self):
        return Counter("late", "A metric made when it is first asked for.", registry=REGISTRY)

    def collect(self):
        return []


if __name__ == "__main__":
    print("ready", flush=True)
    REGISTRY.register(Lazy())
