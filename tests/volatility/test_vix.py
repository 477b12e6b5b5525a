from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_price
from workbench.volatility import SviSlice, variance_swap_rate, vix_index, vix_term

DAY = 1440


def white_paper():
    """The quotes of the worked example in Cboe's 2009 white paper, without rows beyond the last stop."""
    table = pd.read_csv(Path(__file__).with_name("cboe_white_paper_2009.csv"))
    sides = []
    for right, name in (("C", "call"), ("P", "put")):
        side = table[["days", "strike", f"{name}_bid", f"{name}_ask"]].set_axis(
            ["days", "strike", "bid", "ask"], axis=1
        )
        sides.append(side.assign(right=right))
    quotes = pd.concat(sides, ignore_index=True)
    return quotes.assign(minutes=quotes["days"] * DAY, rate=0.0038)


def model_quotes(smile, days, *, forward=100.0, rate=0.02, step=0.25, low=20.0, high=300.0):
    """Quotes of a known smile on a fine ladder of strikes."""
    years = days / 365
    strike = np.arange(low, high + step / 2, step)
    volatility = np.sqrt(smile.total_variance(np.log(strike / forward)) / years)
    parts = []
    for right in ("C", "P"):
        price = black_scholes_price(forward, strike, years, volatility, rate=rate, dividend_yield=rate,
                                    is_call=right == "C")  # fmt: skip
        parts.append(pd.DataFrame({"strike": strike, "right": right, "bid": price, "ask": price}))
    return pd.concat(parts).assign(minutes=days * DAY, rate=rate)


def swap_on_a_ladder(smile, days, step=0.25, forward=100.0):
    """The variance swap plus what a ladder adds at the kink: Euler and Maclaurin's second term."""
    years = days / 365
    return variance_swap_rate(smile, years) + step**2 / (6 * years * forward**2)


def test_the_worked_example_of_the_white_paper_is_reproduced():
    """Published: forwards 920.50, K0 920, variances 0.4727679 and 0.3668180 (with times cut to seven digits,
    which is 1.5 millionths of them), index 100 x 0.612179986 = 61.22."""
    found = vix_index(white_paper(), shortest=7, longest=None)
    assert found.index == approx(61.2179986, abs=5e-8)
    assert found.volatility == approx(0.612179986, abs=5e-10)
    assert found.near.variance == approx(0.4727679, rel=2e-6)
    assert found.next.variance == approx(0.3668180, rel=1e-6)
    assert found.near.forward == approx(920.50005, abs=5e-6)
    assert found.near.first_strike == found.next.first_strike == 920


def test_the_strip_of_the_white_paper_skips_lone_zero_bids_and_stops_at_two():
    found = vix_index(white_paper(), shortest=7, longest=None)
    near = found.near.contributions.set_index("strike")
    assert near.index.min() == 400, "375 and 350 have no bid: nothing below is used"
    assert near.index.max() == 1220, "1225 and 1230 have no bid: the bid at 1250 is not used"
    assert near.loc[920, "mid"] == approx((37.15 + 36.65) / 2)
    assert near.loc[920, "side"] == "both"
    assert near.loc[400, "step"] == near.loc[425, "step"] == 25
    far = found.next.contributions.set_index("strike")
    assert 425 not in far.index, "a lone zero bid is skipped"
    assert far.index.min() == 200
    assert far.loc[400, "step"] == approx((450 - 375) / 2)
    assert far.index.max() == 1160, "1165 and 1170 have no bid: the bid at 1175 is not used"


def test_contributions_add_up_to_the_variance():
    term = vix_index(white_paper(), shortest=7, longest=None).near
    years = term.minutes / 525_600
    total = 2 / years * term.contributions["contribution"].sum()
    assert total - (term.forward / term.first_strike - 1) ** 2 / years == approx(term.variance, rel=1e-14)


def test_a_fine_ladder_on_a_known_smile_gives_its_variance_swap():
    for days in (25, 33):
        smile = SviSlice(0.001, 0.02, -0.4, 0.0, 0.1)
        term = vix_term(model_quotes(smile, days), minutes=days * DAY, rate=0.02)
        assert term.forward == approx(100.0, abs=1e-9)
        assert term.variance == approx(swap_on_a_ladder(smile, days), rel=1e-7)


def test_the_index_interpolates_total_variance_in_minutes():
    near, far = SviSlice(0.002, 0.01, -0.3, 0.0, 0.1), SviSlice(0.004, 0.015, -0.3, 0.0, 0.1)
    chain = pd.concat([model_quotes(near, 25), model_quotes(far, 32)])
    found = vix_index(chain)
    total = np.interp(30, [25, 32], [found.near.variance * 25, found.next.variance * 32])
    assert found.index == approx(100 * np.sqrt(total / 30), rel=1e-13)
    assert found.near_weight == approx(2 / 7)
    years = chain.drop(columns="minutes").assign(years=chain["minutes"] / 525_600)
    assert vix_index(years).index == approx(found.index, rel=1e-12)


def test_an_expiry_at_exactly_the_constant_time_stands_alone():
    smile = SviSlice(0.003, 0.01, -0.3, 0.0, 0.1)
    found = vix_index(model_quotes(smile, 30))
    assert found.near is found.next
    assert found.volatility == approx(np.sqrt(swap_on_a_ladder(smile, 30)), rel=1e-7)


def test_missing_and_crossed_quotes_are_no_quotes():
    smile = SviSlice(0.003, 0.01, -0.3, 0.0, 0.1)
    quotes = model_quotes(smile, 30, step=1.0).reset_index(drop=True)
    at = quotes.index[(quotes["strike"] == 80) & (quotes["right"] == "P")][0]
    without = vix_term(quotes.drop(index=at), minutes=30 * DAY, rate=0.02)
    for change in ({"ask": np.nan}, {"bid": 5.0, "ask": 1.0}, {"bid": np.nan}):
        broken = quotes.copy()
        broken.loc[at, list(change)] = list(change.values())
        assert vix_term(broken, minutes=30 * DAY, rate=0.02).variance == approx(without.variance, rel=1e-14)


def test_chains_that_cannot_be_measured_say_why():
    smile = SviSlice(0.003, 0.01, -0.3, 0.0, 0.1)
    quotes = model_quotes(smile, 25, step=5.0)
    with pytest.raises(PricingInputError, match=r"enclose 30 days \(days there: 25\)"):
        vix_index(quotes)
    with pytest.raises(
        PricingInputError, match=r"more than 23 and less than 37 days .* \(days there: 9, 37\)"
    ):
        vix_index(white_paper())
    with pytest.raises(PricingInputError, match="no column `minutes` or `years`"):
        vix_index(quotes.drop(columns="minutes"))
    with pytest.raises(PricingInputError, match="no column `bid`"):
        vix_term(quotes.drop(columns="bid"), minutes=10.0)
    with pytest.raises(PricingInputError, match="Strike 20 has two quotes of right 'C'"):
        vix_term(pd.concat([quotes, quotes]), minutes=10.0)
    with pytest.raises(PricingInputError, match="`minutes` is 0"):
        vix_term(quotes, minutes=0)
    with pytest.raises(PricingInputError, match="No strike has a call and a put with bids"):
        vix_term(quotes.assign(bid=np.nan), minutes=10.0)
    calls = (quotes["right"] == "C") & (quotes["strike"] > 100)
    with pytest.raises(PricingInputError, match="No call above 100 has a bid"):
        vix_term(quotes.assign(bid=quotes["bid"].where(~calls, 0.0)), minutes=25 * DAY)
    two_rates = pd.concat([quotes.iloc[:40], quotes.iloc[40:].assign(rate=0.03), model_quotes(smile, 35)])
    with pytest.raises(PricingInputError, match=r"in 25 days has rates 0.02 and 0.03"):
        vix_index(two_rates)
