"""What can be wrong with a store, each with the URI it happened at and what to do."""


class StoreError(Exception):
    """A store refused or could not answer.

    Args:
        uri: What was asked for.
        problem: What happened, in one clause.
        remedy: What to do about it, in one clause.
    """

    retryable = False

    def __init__(self, uri: str, problem: str, remedy: str) -> None:
        super().__init__(f"{uri}: {problem}; {remedy}")
        self.uri = uri
        self.problem = problem
        self.remedy = remedy


class UriInvalid(StoreError):
    """The URI cannot name anything."""


class ObjectMissing(StoreError):
    """The store answers, but has nothing under this key."""


class ObjectExists(StoreError):
    """A conditional create found the key taken."""


class BucketMissing(StoreError):
    """The store answers, but has no such bucket."""


class CredentialsRefused(StoreError):
    """The store does not accept the credentials, or does not let them do this."""


class StoreUnavailable(StoreError):
    """The store does not answer; the same call may succeed later."""

    retryable = True
