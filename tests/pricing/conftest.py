"""The formula in 60 digits: the reference that double precision is held against."""

from types import SimpleNamespace

import mpmath
import pytest

# Variable and sign of each Greek as a derivative of the price; theta runs with the calendar.
_DERIVATIVES = {
    "delta": ("spot", 1, 1),
    "gamma": ("spot", 2, 1),
    "vega": ("volatility", 1, 1),
    "theta": ("years", 1, -1),
    "rho": ("rate", 1, 1),
}


def _price(spot, strike, years, volatility, rate, dividend_yield, is_call):
    spot, strike, years, volatility, rate, dividend_yield = map(
        mpmath.mpf, (spot, strike, years, volatility, rate, dividend_yield)
    )
    deviation = volatility * mpmath.sqrt(years)
    d1 = (mpmath.log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    sign = 1 if is_call else -1
    cdf = lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2  # noqa: E731
    return sign * (
        spot * mpmath.exp(-dividend_yield * years) * cdf(sign * d1)
        - strike * mpmath.exp(-rate * years) * cdf(sign * (d1 - deviation))
    )


def _price_in_digits(*case, digits=60):
    with mpmath.workdps(digits):
        return _price(*case)


def _greek_in_digits(name, *case):
    """Differentiate the price numerically in 60 digits: no formula of a Greek is used."""
    names = ("spot", "strike", "years", "volatility", "rate", "dividend_yield", "is_call")
    variable, order, sign = _DERIVATIVES[name]
    place = names.index(variable)
    with mpmath.workdps(60):
        point = mpmath.mpf(case[place])
        step = (abs(point) or 1) * mpmath.mpf(10) ** -18

        def at(shift):
            return _price(*case[:place], point + shift * step, *case[place + 1 :])

        if order == 1:
            slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
        else:
            slope = (-at(2) + 16 * at(1) - 30 * at(0) + 16 * at(-1) - at(-2)) / (12 * step**2)
        return sign * slope


@pytest.fixture(scope="session")
def exact():
    """Price and Greeks by high-precision arithmetic: `.price(*case)`, `.greek(name, *case)`."""
    return SimpleNamespace(price=_price_in_digits, greek=_greek_in_digits)
