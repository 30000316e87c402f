"""People say which of two answers is better, blind and offline."""
