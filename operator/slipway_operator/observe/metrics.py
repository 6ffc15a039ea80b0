"""The operator's own metrics; no label is the name of an object."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters and gauges in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "slipway_reconcile", "Reconciles by result.", ("kind", "result"), registry=self.registry
        )
        self.reconcile_seconds = Histogram(
            "slipway_reconcile_seconds", "Time of a reconcile.", ("kind",), buckets=SECONDS, registry=self.registry
        )
        self.api_requests = Counter(
            "slipway_api_requests",
            "Requests to the API server.",
            ("verb", "group", "resource", "code"),
            registry=self.registry,
        )
        self.watch_missed = Counter(
            "slipway_watch_missed", "Changes that a LIST found and no watch told.", ("kind",), registry=self.registry
        )
        self.leader = Gauge("slipway_leader", "1 while this replica leads.", registry=self.registry)
        self.cache_objects = Gauge("slipway_cache_objects", "Cached objects.", ("kind",), registry=self.registry)
        self._queue_depth = Gauge("slipway_queue_depth", "Keys that wait.", registry=self.registry)
        self._queue_oldest = Gauge("slipway_queue_oldest_seconds", "Wait of the oldest key.", registry=self.registry)
        self.loop_lag = Gauge("slipway_loop_lag_seconds", "Latest delay of the event loop.", registry=self.registry)

    def watch_queue(self, depth: Callable[[], float], oldest: Callable[[], float]) -> None:
        """Read the queue's gauges from these functions whenever metrics are asked for."""
        self._queue_depth.set_function(depth)
        self._queue_oldest.set_function(oldest)

    def text(self, cached: Mapping[str, int]) -> bytes:
        """Prometheus text format."""
        for kind, number in cached.items():
            self.cache_objects.labels(kind).set(number)
        return generate_latest(self.registry)
