"""A conformance suite for the Open Inference Protocol v2, for any server that has an address.

It knows nothing of the server but its address and the small models that it must serve (``models.py`` writes them).
"""
