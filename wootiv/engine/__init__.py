"""Where calls meet clock and network."""
