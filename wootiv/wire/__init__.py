"""Values to bytes and back: pure, with no clock, no I/O and no await."""
