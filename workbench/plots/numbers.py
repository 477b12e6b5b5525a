"""How numbers are written on pictures and pages: grouped, a true minus sign, a dash for what is missing."""

import math
from typing import Any

MISSING = "–"

# The same rule for axes, run by the browser: digits after the point come as an argument.
TICK_CODE = """
const text = Math.abs(tick).toLocaleString("en-US",
  {minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven"});
const zero = Number(Math.abs(tick).toFixed(digits)) === 0;
return (tick < 0 && !zero ? "\\u2212" : (signed && !zero ? "+" : "")) + text + unit;
"""


def written(number: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Write a number as people read it.

    Parameters
    ----------
    number : float or None
        What is not finite is missing and gives a dash, never 0.
    digits : int
        Digits after the point.
    signed : bool
        Put + before gains too; for changes and P&L.

    Examples
    --------
    >>> written(-1234.5, 1)
    '−1,234.5'
    >>> written(12, signed=True)
    '+12'
    """
    if number is None or not math.isfinite(number):
        return MISSING
    rounded = round(float(number), digits)
    text = f"{abs(rounded):,.{digits}f}"
    if rounded < 0:
        return f"−{text}"
    return f"+{text}" if signed and rounded > 0 else text


def percent(fraction: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Write a fraction as a percentage: 0.05 is ``5 %``."""
    text = written(None if fraction is None else fraction * 100, digits, signed=signed)
    return text if text == MISSING else f"{text} %"


def points(volatility: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Write a change of volatility in points: 0.04 is ``4 pt``."""
    text = written(None if volatility is None else volatility * 100, digits, signed=signed)
    return text if text == MISSING else f"{text} pt"


def tick_formatter(digits: int = 0, *, signed: bool = False, unit: str = "") -> Any:
    """Return a Bokeh tick formatter that writes as `written` does."""
    from bokeh.models import CustomJSTickFormatter

    return CustomJSTickFormatter(args={"digits": digits, "signed": signed, "unit": unit}, code=TICK_CODE)
