"""Queue, cache, workers and the loops around them: from an event to an executed plan."""
