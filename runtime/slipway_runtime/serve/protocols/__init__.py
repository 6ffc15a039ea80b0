"""Forms of bodies: from what a protocol writes to neutral requests, and from neutral responses back."""
