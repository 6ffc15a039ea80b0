"""Names and keys of accounts."""

from slipway_operator.cluster.sigv4 import Credentials
from slipway_operator.cluster.store_accounts import account_of, bucket_name


def test_bucket_names_fit_and_stay_apart() -> None:
    assert bucket_name("team-a") == "slipway-team-a"
    long = [bucket_name("n" * 62 + last) for last in "ab"]
    assert len(set(long)) == 2
    assert all(len(name) == 63 for name in long)


def test_an_account_depends_on_root_and_namespace_only() -> None:
    root, other = Credentials("root", "one"), Credentials("root", "two")
    assert account_of("a", root) == account_of("a", root)
    keys = {account_of(*pair).secret_key for pair in (("a", root), ("b", root), ("a", other))}
    assert len(keys) == 3
    assert all(root.secret_key not in key for key in keys)
