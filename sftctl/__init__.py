"""Supervised fine-tuning: raw rows in, an evaluated model out."""
