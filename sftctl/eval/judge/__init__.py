"""A language model says which of two answers is better."""
