"""The page, the markdown and the XML that a run leaves."""
