"""Conversations become input ids and labels."""
