"""``slipway-operator run | sweep | generate``."""

import asyncio
import gc
import sys
import time
from collections.abc import Sequence

COLLECT_AFTER = 50_000
"""Objects between two looks for cycles: few of what a reconcile makes is in one, and a look every 700 objects took a
fifth of the operator's processor time."""

SPARE_CONNECTIONS = 16
"""For lists, events, the lease and the store's accounts."""

USAGE = """usage: slipway-operator COMMAND

  run        reconcile TrainingJobs, CompressionJobs and ModelServices (settings: SLIPWAY_OPERATOR_* variables)
  sweep      delete artifacts of the model store that no object keeps
  generate   write CRDs, the chart's copies and roles, and the API reference from the code
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the process's exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command, rest = (words[0], words[1:]) if words else ("", [])
    match command:
        case "run":
            import uvloop

            return uvloop.run(_run())
        case "generate":
            from slipway_operator.api.generate import files
            from slipway_operator.cluster.verbs import GRANTS

            return int(files.main(GRANTS, rest) or 0)
        case "sweep":
            return asyncio.run(_sweep())
        case "-h" | "--help":
            print(USAGE)
            return 0
    print(USAGE, file=sys.stderr)
    return 2


async def _sweep() -> int:
    from slipway_operator.cluster import sweep
    from slipway_operator.observe import logs
    from slipway_operator.settings import SweepSettings

    settings = SweepSettings()
    logs.configure(settings.log_level)
    return await sweep.run(settings.store(), settings.watch_namespaces, sweep.duration(settings.retention_grace))


async def _run() -> int:
    import aiohttp

    from slipway_operator.cluster.api import Api
    from slipway_operator.cluster.connection import load_configuration
    from slipway_operator.cluster.rate import TokenBucket
    from slipway_operator.cluster.resources import CHILDREN
    from slipway_operator.engine.operator import Operator, recorder
    from slipway_operator.hooks.pump import pump
    from slipway_operator.observe import http, logs
    from slipway_operator.observe.metrics import Metrics
    from slipway_operator.settings import OperatorSettings

    settings = OperatorSettings()
    logs.configure(settings.log_level)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    metrics = Metrics()
    watches = len(CHILDREN) * max(1, len(settings.watch_namespaces))
    configuration = await load_configuration(connections=settings.workers + watches + SPARE_CONNECTIONS)
    api = Api(configuration, TokenBucket(settings.qps, settings.burst, time.monotonic), recorder=recorder(metrics))
    async with aiohttp.ClientSession() as session:
        operator = Operator(settings, api, session, metrics)
        server = await http.serve(
            settings.http_port, livez=operator.livez, readyz=operator.readyz, metrics=operator.metrics_text
        )
        try:
            await operator.wait_for_kinds()
            operator.start()
            await pump(operator.observe, settings.watch_namespaces)
        finally:
            await operator.stop()
            await server.cleanup()
            await api.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
