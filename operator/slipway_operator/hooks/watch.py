"""kopf as an event pump for what people write: watches that only feed the cache. Nothing here writes to an object."""

from collections.abc import Mapping
from typing import Any

import kopf

from slipway_operator.cluster.connection import in_cluster
from slipway_operator.cluster.resources import OWNERS, WARNING_EVENTS
from slipway_operator.engine.reflector import Observe
from slipway_operator.hooks.storage import NoDiffBase, NoProgress


def settings() -> kopf.OperatorSettings:
    """Kopf's settings: what keeps 20,000 objects small in memory and a dead watch short."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True
    made.peering.standalone = True
    made.persistence.finalizer = "slipway.dev/unused"
    made.persistence.progress_storage = NoProgress()
    made.persistence.diffbase_storage = NoDiffBase()
    made.watching.chunk_size = 500
    made.watching.server_timeout = 300
    made.watching.client_timeout = 330
    made.watching.connect_timeout = 10
    made.queueing.idle_timeout = 0.5
    made.queueing.exit_timeout = 0.5
    made.networking.request_timeout = 30
    made.process.ultimate_exiting_timeout = 25
    events = WARNING_EVENTS
    made.watching.field_selectors[events.group, events.version, events.plural] = "type=Warning"
    return made


def registry(observe: Observe) -> kopf.OperatorRegistry:
    """Handlers that pass every event of our kinds and every Warning event on."""
    made = kopf.OperatorRegistry()
    for resource in (*OWNERS, WARNING_EVENTS):
        kopf.on.event(resource.group, resource.version, resource.plural, registry=made, id=f"watch-{resource.kind}")(
            _handler(observe, resource.kind)
        )
    kopf.on.login(registry=made)(_login)
    return made


def _handler(observe: Observe, kind: str) -> Any:
    async def handle(event: Mapping[str, Any], **_: Any) -> None:
        observe(event["type"], event["object"], kind)

    return handle


async def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    # kopf's own default would load the whole synchronous client; these read the same files.
    if in_cluster():
        return kopf.login_with_service_account(**arguments)
    return kopf.login_with_kubeconfig(**arguments)
