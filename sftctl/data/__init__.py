"""Raw rows of any common format become conversations."""
