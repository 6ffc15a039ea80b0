"""The only importers of kopf: watches as an event pump."""
