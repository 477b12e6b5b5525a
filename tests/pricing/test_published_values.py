"""Prices, Greeks and volatilities as books and papers print them, to the digits that they print."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from workbench.pricing import (
    american_price,
    bachelier_price,
    black76_price,
    black_scholes_greeks,
    black_scholes_price,
    implied_volatility,
)
from workbench.pricing.dividends import dividend_price

CALL, PUT = True, False

# Haug (1998), Option Pricing Formulas, pages 2 to 8, 27: spot, strike, years, volatility, rate, yield, side
# and price. On a future the yield is the rate (Black 1976), on a currency the foreign rate (Garman and
# Kohlhagen 1983).
HAUG_PRICES = [
    (60, 65, 0.25, 0.30, 0.08, 0.00, CALL, 2.1334),
    (100, 95, 0.50, 0.20, 0.10, 0.05, PUT, 2.4648),
    (19, 19, 0.75, 0.28, 0.10, 0.10, CALL, 1.7011),
    (19, 19, 0.75, 0.28, 0.10, 0.10, PUT, 1.7011),
    (1.56, 1.60, 0.50, 0.12, 0.06, 0.08, CALL, 0.0291),
    (75, 70, 0.50, 0.35, 0.10, 0.05, PUT, 4.0870),
    (42, 40, 0.75, 0.35, 0.04, 0.08, CALL, 5.0975),
]

# The same, page 24: options on a future at 90, 100 and 110, strike 100, rate 10 %.
HAUG_FUTURES = {
    (CALL, 0.1, 0.15): (0.0205, 1.8734, 9.9413),
    (CALL, 0.1, 0.25): (0.3150, 3.1217, 10.3556),
    (CALL, 0.1, 0.35): (0.9474, 4.3693, 11.1381),
    (CALL, 0.5, 0.15): (0.8069, 4.0232, 10.5769),
    (CALL, 0.5, 0.25): (2.7026, 6.6997, 12.7857),
    (CALL, 0.5, 0.35): (4.9329, 9.3679, 15.3086),
    (PUT, 0.1, 0.15): (9.9210, 1.8734, 0.0408),
    (PUT, 0.1, 0.25): (10.2155, 3.1217, 0.4551),
    (PUT, 0.1, 0.35): (10.8479, 4.3693, 1.2376),
    (PUT, 0.5, 0.15): (10.3192, 4.0232, 1.0646),
    (PUT, 0.5, 0.25): (12.2149, 6.6997, 3.2734),
    (PUT, 0.5, 0.35): (14.4452, 9.3679, 5.7963),
}

# Haug (1998), pages 11 to 16, and (2007), The Complete Guide to Option Pricing Formulas, chapter 2.
HAUG_GREEKS = [
    ("delta", (105, 100, 0.50, 0.36), 0.10, 0.10, CALL, 0.5946),
    ("delta", (105, 100, 0.50, 0.36), 0.10, 0.10, PUT, -0.3566),
    ("gamma", (55, 60, 0.75, 0.30), 0.10, 0.00, CALL, 0.0278),
    ("vega", (55, 60, 0.75, 0.30), 0.10, 0.00, PUT, 18.9358),
    ("theta", (430, 405, 1 / 12, 0.20), 0.07, 0.05, PUT, -31.1924),
    ("rho", (72, 75, 1.00, 0.19), 0.09, 0.00, CALL, 38.7325),
    ("phi", (500, 490, 0.25, 0.15), 0.08, 0.05, PUT, 42.2254),
    ("vanna", (90, 80, 0.25, 0.20), 0.05, 0.00, CALL, -1.0008),
    ("vomma", (90, 130, 0.75, 0.28), 0.05, 0.05, CALL, 92.3444),
    ("charm", (105, 90, 0.25, 0.24), 0.14, 0.14, PUT, 0.3700),
    ("speed", (50, 48, 1 / 12, 0.20), 0.06, 0.05, CALL, -0.0291),
    ("zomma", (100, 80, 0.25, 0.26), 0.05, 0.05, CALL, 0.0463),
]

# Cox and Rubinstein's puts, spot 40, rate 4.88 %, one, four and seven months: by a tree of 10,000 steps, as
# in Huang, Subrahmanyam and Yu (1996), Rev. Financial Studies 9(1). Volatility and strike in front.
COX_RUBINSTEIN_PUTS = {
    (0.2, 35): (0.0062, 0.2004, 0.4329),
    (0.2, 40): (0.8523, 1.5799, 1.9905),
    (0.2, 45): (5.0000, 5.0883, 5.2670),
    (0.3, 35): (0.0774, 0.6976, 1.2199),
    (0.3, 40): (1.3100, 2.4827, 3.1698),
    (0.3, 45): (5.0597, 5.7058, 6.2438),
    (0.4, 35): (0.2466, 1.3462, 2.1550),
    (0.4, 40): (1.7681, 3.3878, 4.3529),
    (0.4, 45): (5.2870, 6.5100, 7.3832),
}

# Broadie and Detemple (1996), Rev. Financial Studies 9(4): calls at 80, 90, 100, 110 and 120, strike 100, by
# long trees. Rate, yield and volatility in front.
HALF_YEAR_CALLS = {
    (0.03, 0.07, 0.2): (0.2194, 1.3864, 4.7825, 11.0978, 20.0004),
    (0.03, 0.07, 0.4): (2.6889, 5.7223, 10.2385, 16.1812, 23.3598),
    (0.00, 0.07, 0.3): (1.0373, 3.1233, 7.0354, 12.9552, 20.7173),
    (0.07, 0.03, 0.3): (1.6644, 4.4947, 9.2506, 15.7977, 23.7062),
}
THREE_YEAR_CALLS = {
    (0.03, 0.07, 0.2): (2.580, 5.167, 9.066, 14.443, 21.414),
    (0.03, 0.07, 0.4): (11.326, 15.722, 20.793, 26.495, 32.781),
    (0.00, 0.07, 0.3): (5.518, 8.842, 13.142, 18.453, 24.791),
    (0.07, 0.03, 0.3): (12.146, 17.368, 23.348, 29.964, 37.104),
}

# Longstaff and Schwartz (2001), Rev. Financial Studies 14(1), table 1: strike 40, rate 6 %, by finite
# differences, spot in front; volatility 20 % for one and two years, then 40 %. They allow fifty exercises
# a year, and so lie a little below.
LONGSTAFF_SCHWARTZ = {
    36: (4.478, 4.840, 7.101, 8.508),
    38: (3.250, 3.745, 6.148, 7.670),
    40: (2.314, 2.885, 5.312, 6.920),
    42: (1.617, 2.212, 4.582, 6.248),
    44: (1.110, 1.690, 3.948, 5.647),
}


@pytest.mark.parametrize("row", HAUG_PRICES)
def test_haugs_european_prices(row):
    *nouns, rate, dividend_yield, is_call, printed = row
    price = black_scholes_price(*nouns, rate=rate, dividend_yield=dividend_yield, is_call=is_call)
    assert price == pytest.approx(printed, abs=6e-5)


@pytest.mark.parametrize("row", HAUG_FUTURES)
def test_haugs_prices_on_a_future(row):
    is_call, years, volatility = row
    prices = black76_price([90, 100, 110], 100, years, volatility, rate=0.10, is_call=is_call)
    assert_allclose(prices, HAUG_FUTURES[row], atol=6e-5)


@pytest.mark.parametrize("row", HAUG_GREEKS, ids=lambda row: row[0])
def test_haugs_greeks(row):
    name, nouns, rate, dividend_yield, is_call, printed = row
    found = black_scholes_greeks(
        *nouns, rate=rate, dividend_yield=dividend_yield, is_call=is_call, greeks=name
    )
    assert found[name] == pytest.approx(printed, abs=6e-5)


def test_hulls_greeks():
    """Hull, chapter on the Greek letters: 49 against 50, 20 weeks, 20 %, 5 %."""
    printed = {"price": 2.40, "delta": 0.522, "theta": -4.31, "gamma": 0.066, "vega": 12.1, "rho": 8.91}
    found = black_scholes_greeks(49, 50, 0.3846, 0.20, rate=0.05, greeks=printed)
    for name, value in printed.items():
        digits = len(str(value).partition(".")[2])
        assert round(float(found[name]), digits) == value, name


def test_hulls_index_currency_and_implied_volatility():
    """Hull: an index at 930 that yields 3 %, a currency at 1.60, and a call at 1.875 on 21 against 20."""
    index = black_scholes_price(930, 900, 2 / 12, 0.20, rate=0.08, dividend_yield=0.03)
    assert index == pytest.approx(51.83, abs=0.005)
    currency = black_scholes_price(1.6, 1.6, 4 / 12, 0.141, rate=0.08, dividend_yield=0.11)
    assert currency == pytest.approx(0.043, abs=5e-5)
    assert implied_volatility(1.875, 21, 20, 0.25, rate=0.10).volatility == pytest.approx(0.235, abs=5e-4)


def test_bacheliers_own_price_of_an_option_at_the_money():
    """Bachelier (1900): at the money it is worth the volatility times the root of the time over 2 pi."""
    assert bachelier_price(100, 100, 0.25, 8) == pytest.approx(8 * np.sqrt(0.25 / (2 * np.pi)), rel=1e-15)


@pytest.mark.parametrize("row", COX_RUBINSTEIN_PUTS)
def test_cox_and_rubinsteins_american_puts(row):
    volatility, strike = row
    puts = american_price(40, strike, np.array([1, 4, 7]) / 12, volatility, rate=0.0488, is_call=False)
    # A tree's last digit or two wander with its steps.
    assert_allclose(puts, COX_RUBINSTEIN_PUTS[row], atol=4e-4)


@pytest.mark.parametrize("row", HALF_YEAR_CALLS)
def test_american_calls_of_half_a_year_and_of_three_years(row):
    rate, dividend_yield, volatility = row
    spots = np.array([80.0, 90, 100, 110, 120])
    case = {"rate": rate, "dividend_yield": dividend_yield}
    assert_allclose(american_price(spots, 100, 0.5, volatility, **case), HALF_YEAR_CALLS[row], atol=3e-4)
    assert_allclose(american_price(spots, 100, 3.0, volatility, **case), THREE_YEAR_CALLS[row], atol=1e-3)


@pytest.mark.parametrize("spot", LONGSTAFF_SCHWARTZ)
def test_longstaff_and_schwartz_american_puts(spot):
    puts = american_price(spot, 40, [1, 2, 1, 2], [0.2, 0.2, 0.4, 0.4], rate=0.06, is_call=False)
    above = puts - LONGSTAFF_SCHWARTZ[spot]
    assert np.all((above > -5e-4) & (above < 0.01))


@pytest.mark.parametrize(("rate", "printed"), [(0.05, 0.106952702747), (0.075, 0.36711123)])
def test_the_premium_of_andersen_lake_and_offengenden(rate, printed):
    """Andersen, Lake and Offengenden (2016), J. Comput. Finance 20(1): at 100, one year, 25 %, yield 5 %."""
    case = {"rate": rate, "dividend_yield": 0.05, "is_call": False}
    premium = american_price(100, 100, 1, 0.25, **case) - black_scholes_price(100, 100, 1, 0.25, **case)
    assert premium == pytest.approx(printed, abs=1e-4)  # 1e-6 of the strike


def test_the_call_of_roll_geske_and_whaley_with_one_dividend():
    """Haug (1998): 80 against 82, four months, 30 %, 6 %, 4.00 after three months: American 4.3860."""
    case = {"rate": 0.06, "dividends": [(0.25, 4)], "dividend_model": "escrowed"}
    assert dividend_price(80, 82, 1 / 3, 0.30, **case) == pytest.approx(4.3860, abs=1e-4)
    assert dividend_price(80, 82, 1 / 3, 0.30, american=False, **case) == pytest.approx(3.5107, abs=1e-4)


@pytest.mark.parametrize(("years", "printed"), [(1, 10.6606), (2, 15.2007), (3, 18.6002)])
def test_the_calls_of_haug_haug_and_lewis_with_a_dividend_every_year(years, printed):
    """Haug, Haug and Lewis (2003), Wilmott, table 6 and its errata of 2016: 100 against 100, 25 %, 6 %, 4.00.

    The dividends are paid in the middle of each year; the share falls by them. European, by integration.
    """
    price = dividend_price(
        100,
        100,
        years,
        0.25,
        rate=0.06,
        dividends=[(year + 0.5, 4) for year in range(years)],
        dividend_model="spot",
        american=False,
    )
    assert price == pytest.approx(printed, abs=6e-5)
