"""One question a function: it reads the evidence and returns a verdict, the figures behind it, and advice."""
