"""Serving: models behind the Open Inference Protocol v2, from one process without torch.

Layers, outermost first: ``main`` (command line) → ``server`` (listening, draining) → ``http`` and ``grpc`` (routes, and
the form of a request and its answer) → ``inferences`` (where each runs) and ``exchange`` (from request to answer) →
``batching`` and ``protocols`` → ``repository`` and ``model`` → ``engine`` (the protocol that every engine fulfils) and
``tensors``. A codec turns bytes into an ``InferenceRequest`` and an ``InferenceResponse`` into bytes; nothing below it
knows a protocol.
"""
