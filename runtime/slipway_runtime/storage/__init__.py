"""URIs to bytes: S3 buckets, HTTP(S) servers, mounted claims and plain directories."""
