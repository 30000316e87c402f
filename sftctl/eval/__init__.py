"""Stage four: base against tuned, with intervals, then one verdict."""
