"""One module a file format; each imports its own framework, and only when it is used."""
