"""Files to and from S3, by addresses that the service has signed."""
