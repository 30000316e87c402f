"""The refusal of a row whose loss mask cannot be exact."""

from sftctl.errors import DataUnusable


class MaskRefused(DataUnusable):
    """One conversation cannot be masked exactly. `reason` is a short word to count by, `message` a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
