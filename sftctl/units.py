"""Sizes, times, money and shares, said one way in the terminal, the report and the plan."""

import math


def data_size(count: float) -> str:
    """Bytes in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"


def duration(seconds: float) -> str:
    """`4.2 s`, `42 s`, `7 min`, `3 h 05 min`."""
    if seconds < 119.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def cost_usd(seconds: float, gpu_hour_usd: float | None, devices: int = 1) -> float | None:
    """None without a price."""
    return None if gpu_hour_usd is None else gpu_hour_usd * devices * seconds / 3600


def dollars(amount: float | None) -> str:
    """A cost; a dash where no price was given."""
    return "–" if amount is None else f"${amount:,.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.4f}"


def share_at_least(part: int, whole: int) -> float:
    """The smallest share in hundredths (below one hundredth: in one digit) that is not less than part / whole."""
    steps = 100
    while 0 < part * steps < whole:
        steps *= 10
    return -(-part * steps // whole) / steps


def percent(share: float | None) -> str:
    """`12 %`, `12.5 %`; below 0.1 % and above 99.9 % with the digits that this needs; a dash where there is none."""
    if share is None or not math.isfinite(share):
        return "–"
    points = 100 * share
    digits = 1 if 0.05 <= points < 99.95 else 3
    return f"{points:.{digits}f}".rstrip("0").rstrip(".") + " %"
