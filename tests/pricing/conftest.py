"""The formula in 60 digits: the reference that double precision is held against."""

from types import SimpleNamespace

import mpmath
import pytest

# Each Greek as derivatives of the price, one after the other: variable and order. Time's run backwards:
# a derivative by calendar time is minus the one by the time to expiry.
_DERIVATIVES = {
    "price": (),
    "delta": (("spot", 1),),
    "gamma": (("spot", 2),),
    "vega": (("volatility", 1),),
    "theta": (("years", 1),),
    "rho": (("rate", 1),),
    "phi": (("dividend_yield", 1),),
    "vanna": (("spot", 1), ("volatility", 1)),
    "vomma": (("volatility", 2),),
    "charm": (("spot", 1), ("years", 1)),
    "speed": (("spot", 2), ("spot", 1)),
    "color": (("spot", 2), ("years", 1)),
    "zomma": (("spot", 2), ("volatility", 1)),
    "veta": (("volatility", 1), ("years", 1)),
    "ultima": (("volatility", 2), ("volatility", 1)),
    "dual_delta": (("strike", 1),),
    "dual_gamma": (("strike", 2),),
}
_NAMES = ("spot", "strike", "years", "volatility", "rate", "dividend_yield")


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


def _normal_price(forward, strike, years, volatility, rate, _yield, is_call):
    """Bachelier's price as the textbook writes it."""
    forward, strike, years, volatility, rate = map(mpmath.mpf, (forward, strike, years, volatility, rate))
    deviation = volatility * mpmath.sqrt(years)
    d = (forward - strike) / deviation
    sign = 1 if is_call else -1
    density = mpmath.exp(-d * d / 2) / mpmath.sqrt(2 * mpmath.pi)
    share = mpmath.erfc(-sign * d / mpmath.sqrt(2)) / 2
    return mpmath.exp(-rate * years) * (sign * (forward - strike) * share + deviation * density)


def _slope(function, point, place, order):
    """Differentiate once or twice by one argument, with differences over five points."""
    x = mpmath.mpf(point[place])
    step = (abs(x) or 1) * mpmath.mpf(10) ** -15

    def at(shift):
        return function(*point[:place], x + shift * step, *point[place + 1 :])

    if order == 1:
        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    return (-at(2) + 16 * at(1) - 30 * at(0) + 16 * at(-1) - at(-2)) / (12 * step**2)


def _greek_in_digits(name, *case, model=_price):
    """Differentiate the price numerically in 110 digits: no formula of a Greek is used."""
    with mpmath.workdps(110):
        function, sign = model, 1
        for variable, order in _DERIVATIVES[name]:
            place = _NAMES.index(variable)
            sign = -sign if variable == "years" else sign

            def function(*point, inner=function, place=place, order=order):
                return _slope(inner, point, place, order)

        return sign * function(*case)


def _normal_greek_in_digits(name, *case):
    """The same for Bachelier's model; the case is forward, strike, years, volatility, rate, is_call."""
    *numbers, is_call = case
    return _greek_in_digits(name, *numbers, 0.0, is_call, model=_normal_price)


@pytest.fixture(scope="session")
def exact():
    """High-precision arithmetic: `.price(*case)`, `.greek(name, *case)`, `.normal_greek(name, *case)`."""
    return SimpleNamespace(
        price=_price_in_digits, greek=_greek_in_digits, normal_greek=_normal_greek_in_digits
    )
