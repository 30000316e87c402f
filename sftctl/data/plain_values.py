"""Cells of typed tables (Parquet, hub data sets) as values that JSON can hold."""

import base64
import math
from typing import Any


def plain(value: Any) -> Any:
    """Numbers, text, lists and objects as they are; not-a-number is null, bytes are base64, any other type its text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)
