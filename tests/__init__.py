"""Tests mirror the package; a test's name is the behaviour it holds."""
