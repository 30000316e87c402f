"""Rules that judge one row each."""
