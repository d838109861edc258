"""What can be asked: every operation of the API, one page per area, its shapes on top."""
