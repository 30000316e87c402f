"""The documentation holds what the program does: generated references, runnable commands, live links."""
