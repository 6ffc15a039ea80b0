"""Cost of serving: start to ready, memory, and CPU per request, each beside a baseline measured in the same call."""
