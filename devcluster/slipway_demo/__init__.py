"""The README's demo: the whole chain on a real cluster, from data to answers a person can check."""
