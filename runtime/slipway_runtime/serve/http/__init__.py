"""HTTP/1.1: connections, routes, and inferences on their way from a request to its answer."""
