"""Errors of the cluster program."""


class DevclusterError(Exception):
    """Something the user can act on; the message names what failed, where, and the remedy."""


class CommandError(DevclusterError):
    """A command ended with a non-zero status."""


class ComponentError(DevclusterError):
    """A component died or did not become ready before its deadline; the message carries the tail of its log."""
