"""Times as Kubernetes writes them: UTC, whole seconds, ``Z``."""

from datetime import UTC, datetime, timedelta


def stamp(moment: datetime) -> str:
    """The moment as an RFC 3339 string of whole seconds in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str | None) -> datetime | None:
    """The time a status field names; None when it is absent or no time at all."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def remaining(since: datetime | None, seconds: float, now: datetime) -> float:
    """Seconds that are left of a wait that began at ``since``.

    0 when it is over. A start that lies in the future means that the clock was set back; the wait then counts as
    over, because nobody knows how long it would last.
    """
    if since is None or since > now:
        return 0.0
    return max(0.0, (since + timedelta(seconds=seconds) - now).total_seconds())
