"""What a runtime can be asked to do, as pydantic models; the operator's kinds embed them, so a field exists once."""
