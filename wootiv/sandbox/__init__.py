"""The API in a box: the service's behaviour in memory, for examples, tests and first steps."""
