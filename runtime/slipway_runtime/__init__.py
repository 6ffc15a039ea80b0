"""Slipway's bundled runtimes: training, compression and serving, each usable from a shell without Kubernetes."""
