"""Eval: measurements, gates, verdict."""
