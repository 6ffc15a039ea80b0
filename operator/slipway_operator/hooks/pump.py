"""Runs the watches until the process is told to end."""

import asyncio

import kopf

from slipway_operator.engine.reflector import Observe
from slipway_operator.hooks import watch


async def pump(observe: Observe, namespaces: tuple[str, ...]) -> None:
    """Watch until SIGTERM or SIGINT.

    Args:
        observe: told of every event.
        namespaces: only these; every one when empty.

    Raises:
        Exception: a watch died for good; the process should end.
    """
    stop = asyncio.Event()
    await kopf.operator(
        registry=watch.registry(observe),
        settings=watch.settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )
