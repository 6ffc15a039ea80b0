"""Manifests of children: complete, deterministic, and equal for equal wishes."""
