"""Serving: models behind the Open Inference Protocol v2, from one process without torch.

Layers, outermost first: ``main`` (command line) → ``server`` (listening, draining) → ``http1`` (connections) → ``http``
(routes) → ``inferences`` (from body to answer) → ``batching`` and codecs (``v2_json``, ``predict``) → ``repository``
and ``model`` → ``engine`` (the protocol that every engine fulfils) and ``tensors``. A codec turns bytes into an
``InferenceRequest`` and an ``InferenceResponse`` into bytes; nothing below it knows a protocol.
"""
