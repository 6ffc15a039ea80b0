"""Pure decisions: what should be, given what is wanted and what is observed; no I/O, no clock, no kopf."""
