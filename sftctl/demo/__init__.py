"""The built-in tiny model and data, and how they were made."""
