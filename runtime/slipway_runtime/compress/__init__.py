"""Compression: passes over a model, measured before and after, published only when the gate holds."""
