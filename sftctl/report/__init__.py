"""One page from the results of any stages."""
