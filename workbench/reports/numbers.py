"""How numbers are written in reports: grouped, a true minus sign, a dash for what is missing."""

import math
from typing import Any

MISSING = "–"


def written(number: Any, digits: int = 0, *, signed: bool = False) -> str:
    """Write a number as people read it; with `signed` a gain has its + too.

    Examples
    --------
    >>> written(-1234.5, 1)
    '−1,234.5'
    >>> written(None)
    '–'
    """
    value = finite(number)
    if value is None:
        return MISSING
    rounded = round(value, digits)
    text = f"{abs(rounded):,.{digits}f}"
    if rounded < 0:
        return f"−{text}"
    return f"+{text}" if signed and rounded > 0 else text


def finite(number: Any) -> float | None:
    """Return a number as a float, or None when it is missing or not finite."""
    if number is None:
        return None
    try:
        value = float(number)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def money(amount: Any) -> str:
    """Write the size of an amount for a sentence, as in ``$7,898``; the sentence says gain or loss."""
    value = finite(amount)
    return MISSING if value is None else f"${abs(round(value)):,.0f}"


def percent(fraction: Any, digits: int = 0, *, signed: bool = False) -> str:
    """Write a fraction as a percentage: 0.05 is ``5 %``."""
    value = finite(fraction)
    return MISSING if value is None else f"{written(value * 100, digits, signed=signed)} %"


def points(volatility: Any, *, signed: bool = True) -> str:
    """Write a change of volatility in points: 0.04 is ``+4 pt``."""
    value = finite(volatility)
    return MISSING if value is None else f"{written(value * 100, _digits(value * 100), signed=signed)} pt"


def shock(fraction: Any) -> str:
    """Write a relative change of prices with its sign: -0.1 is ``−10 %``."""
    value = finite(fraction)
    return MISSING if value is None else percent(value, _digits(value * 100), signed=True)


def _digits(value: float) -> int:
    return 0 if abs(value - round(value)) < 1e-9 else 1
