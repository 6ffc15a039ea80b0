"""The event pump's settings and handlers."""

import kopf

from slipway_operator.cluster.resources import OWNERS, WARNING_EVENTS
from slipway_operator.hooks import watch


def test_only_event_handlers_are_registered() -> None:
    registry = watch.registry(lambda *_: None)
    assert len(list(registry._watching.get_all_handlers())) == len(OWNERS) + 1
    for other in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert not list(other.get_all_handlers())


def test_kopf_writes_nothing_and_sees_only_warnings() -> None:
    settings = watch.settings()
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.peering.standalone
    assert list(settings.watching.field_selectors.values()) == ["type=Warning"]
    assert WARNING_EVENTS.plural == "events"


async def test_an_event_is_passed_on_as_it_is() -> None:
    seen: list[object] = []
    handler = watch._handler(lambda *event: seen.append(event), "Job")
    await handler(event={"type": "DELETED", "object": {"metadata": {}}}, body=kopf.Body({}))
    assert seen == [("DELETED", {"metadata": {}}, "Job")]
