"""What the operator may do."""

from slipway_operator.api.grants import Scope
from slipway_operator.cluster.resources import APPLIED, OWNERS
from slipway_operator.cluster.verbs import GRANTS, granted


def test_no_secret_of_a_users_namespace_can_be_read() -> None:
    elsewhere = {
        verb for grant in GRANTS if grant.resource == "secrets" and grant.scope is not Scope.OWN for verb in grant.verbs
    }
    assert elsewhere == {"create", "patch"}
    readers = [grant for grant in GRANTS if grant.resource == "secrets" and "get" in grant.verbs]
    assert all(grant.names for grant in readers)


def test_no_wildcards_and_no_write_to_a_users_spec() -> None:
    assert all("*" not in (grant.group, grant.resource, *grant.verbs) for grant in GRANTS)
    for resource in OWNERS:
        assert (
            not {(resource.group, resource.plural, verb) for verb in ("create", "update", "patch", "delete")}
            & granted()
        )


def test_whatever_is_applied_is_watched() -> None:
    for resource in APPLIED:
        assert {(resource.group, resource.plural, verb) for verb in ("list", "watch")} <= granted()
