"""What a model has done since it was loaded: counts and times, as the protocol's statistics extension tells them."""

import time
from typing import Any


class Sum:
    """How often something was done, and the seconds it took in all."""

    __slots__ = ("count", "seconds")

    def __init__(self) -> None:
        """Start at zero."""
        self.count = 0
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        self.seconds += seconds

    def told(self) -> dict[str, int]:
        """As the protocol words it, in nanoseconds."""
        return {"count": self.count, "ns": round(self.seconds * 1e9)}


class Statistics:
    """Counts and times of one loaded model; changed on the event loop only.

    An inference is one row of a request; an execution is one call of the engine, for one request or several.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.rows = 0
        self.executions = Sum()
        self.batches: dict[int, Sum] = {}
        self.success = Sum()
        self.fail = Sum()
        self.queue = Sum()
        self.decode = Sum()
        self.infer = Sum()
        self.encode = Sum()
        self._latest = 0.0

    def executed(self, rows: int, seconds: float) -> None:
        """The engine was called once, for that many rows."""
        self.rows += rows
        self.executions.add(seconds)
        batch = self.batches.get(rows)
        if batch is None:
            batch = self.batches[rows] = Sum()
        batch.add(seconds)

    def answered(self, *, begun: float, decoded: float, started: float, inferred: float, written: float) -> None:
        """A request was answered well; each is a time of ``time.perf_counter``, in their order."""
        self.success.add(written - begun)
        self.decode.add(decoded - begun)
        self.queue.add(started - decoded)
        self.infer.add(inferred - started)
        self.encode.add(written - inferred)
        self._latest = written

    def told(self, name: str, version: str) -> dict[str, Any]:
        """As ``GET v2/models/{name}/stats`` answers."""
        age = time.perf_counter() - self._latest
        return {
            "name": name,
            "version": version,
            "last_inference": round((time.time() - age) * 1000) if self._latest else 0,
            "inference_count": self.rows,
            "execution_count": self.executions.count,
            "inference_stats": {
                "success": self.success.told(),
                "fail": self.fail.told(),
                "queue": self.queue.told(),
                "compute_input": self.decode.told(),
                "compute_infer": self.infer.told(),
                "compute_output": self.encode.told(),
            },
            "batch_stats": [
                {"batch_size": rows, "compute_infer": batch.told()} for rows, batch in sorted(self.batches.items())
            ],
        }
