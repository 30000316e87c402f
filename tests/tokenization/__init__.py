"""sftctl.tokenization."""
