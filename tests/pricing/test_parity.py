from math import exp, log

import numpy as np
import pandas as pd
import pytest
import QuantLib
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_price, implied_forwards
from workbench.pricing.parity_fit import fit_line, theil_sen_slope, weighted_median

SPOT, RATE, YIELD = 100.0, 0.04, 0.015
EXPIRIES = {"2020-02-21": 0.08, "2020-06-19": 0.40, "2021-01-15": 1.0}
COLUMNS = [
    "expiry", "years", "spot", "forward", "forward_error", "rate", "rate_error", "rate_source",
    "dividend_yield", "dividend_yield_error", "method", "pairs_used", "pairs_rejected", "rejected", "status",
]  # fmt: skip


def european_price(strike, years, volatility, is_call):
    return float(
        black_scholes_price(SPOT, strike, years, volatility, rate=RATE, dividend_yield=YIELD, is_call=is_call)
    )


def american_price(strike, years, volatility, is_call):
    """QuantLib's integral method, from whole days."""
    today = QuantLib.Date(2, 1, 2020)
    QuantLib.Settings.instance().evaluationDate = today
    count = QuantLib.Actual365Fixed()
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(SPOT)),
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, YIELD, count)),
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, RATE, count)),
        QuantLib.BlackVolTermStructureHandle(
            QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), volatility, count)
        ),
    )
    kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
    option = QuantLib.VanillaOption(
        QuantLib.PlainVanillaPayoff(kind, strike),
        QuantLib.AmericanExercise(today, today + round(years * 365)),
    )
    option.setPricingEngine(QuantLib.QdFpAmericanEngine(process))
    return option.NPV()


def chain(price=european_price, exercise="european", half=0.02, strikes=None, noise=0.0, seed=1):
    """Quotes around a model's prices; `noise` moves each middle within that share of its half-width."""
    rng = np.random.default_rng(seed)
    rows = []
    for day, years in EXPIRIES.items():
        whole = round(years * 365) / 365
        for strike in np.arange(80.0, 121.0, 2.5) if strikes is None else strikes:
            for right in "CP":
                middle = price(float(strike), whole, 0.25 - 0.1 * log(strike / SPOT), right == "C")
                middle += noise * half * rng.uniform(-1, 1)
                rows.append((pd.Timestamp(day), whole, strike, right, middle - half, middle + half))
    frame = pd.DataFrame(rows, columns=["expiry", "years", "strike", "right", "bid", "ask"])
    return frame.assign(exercise=exercise, spot=SPOT)


def true_forwards(years):
    return SPOT * np.exp((RATE - YIELD) * np.asarray(years))


def test_clean_european_quotes_give_forward_rate_and_yield_back():
    found = implied_forwards(chain())
    assert found.columns.tolist() == COLUMNS
    assert_allclose(found["forward"], true_forwards(found["years"]), rtol=1e-11)
    assert_allclose(found["rate"], RATE, atol=1e-10)
    assert_allclose(found["dividend_yield"], YIELD, atol=1e-10)
    assert found["status"].tolist() == ["ok"] * 3
    assert found["method"].tolist() == ["parity"] * 3
    # Far from the money the nearest expiry has no bid.
    assert found["pairs_used"].tolist() == [13, 17, 17]
    assert found["rejected"].tolist() == ["4 no bid", "", ""]


def test_a_given_rate_is_kept_and_may_differ_by_expiry():
    found = implied_forwards(chain(), rate=0.03)
    assert found["rate"].tolist() == [0.03] * 3
    assert found["rate_source"].tolist() == ["given"] * 3
    curve = pd.Series([RATE] * 3, index=[pd.Timestamp(day) for day in EXPIRIES])
    exact = implied_forwards(chain(), rate=curve)
    assert_allclose(exact["forward"], true_forwards(exact["years"]), rtol=1e-11)
    with pytest.raises(PricingInputError, match="no value for expiry 2021-01-15"):
        implied_forwards(chain(), rate=curve.iloc[:2])


def test_errors_say_how_far_the_forward_may_be_off():
    """Over many noisy chains the misses are about one stated error wide, neither far less nor more."""
    misses = []
    for seed in range(40):
        found = implied_forwards(chain(noise=1.0, half=0.10, seed=seed), rate=RATE)
        misses.append((found["forward"] - true_forwards(found["years"])) / found["forward_error"])
    spread = np.sqrt(np.mean(np.square(misses)))
    assert 0.6 < spread < 1.2
    assert np.abs(misses).max() < 4.5


def test_rates_sought_are_within_their_errors_and_a_loose_one_gives_way_to_the_chains():
    misses = []
    for seed in range(20):
        found = implied_forwards(chain(noise=1.0, half=0.05, seed=seed))
        assert found["rate_source"].iloc[-1] == "own"
        misses.append((found["rate"].iloc[-1] - RATE) / found["rate_error"].iloc[-1])
        assert found["rate_source"].iloc[0] == "chain"
        assert found["rate"].iloc[0] == approx(RATE, abs=0.006)
        assert found["forward"].iloc[0] == approx(true_forwards(0.08), abs=0.15)
    assert np.abs(misses).max() < 4.5
    assert np.sqrt(np.mean(np.square(misses))) < 1.4


def test_quotes_that_cannot_be_used_are_set_aside_by_reason():
    quotes = chain(half=0.05)
    first = quotes["expiry"] == "2020-06-19"

    def at(strike, right):
        return first & (quotes["strike"] == strike) & (quotes["right"] == right)

    quotes.loc[at(80, "P"), "bid"] = np.nan
    quotes.loc[at(82.5, "P"), "ask"] = np.nan
    quotes.loc[at(85, "C"), ["bid", "ask"]] = quotes.loc[at(85, "C"), ["ask", "bid"]].to_numpy()
    quotes.loc[at(90, "C"), ["bid", "ask"]] += 6.0  # as old as another spot
    quotes.loc[at(110, "P"), ["bid", "ask"]] -= 4.0
    quotes.loc[at(95, "P"), "ask"] += 3.0
    quotes = quotes[~at(120, "C")]
    found = implied_forwards(quotes).set_index("expiry").loc["2020-06-19"]
    assert found["forward"] == approx(true_forwards(0.40), abs=1e-8)
    assert found["rate"] == approx(RATE, abs=1e-8)
    assert (found["pairs_used"], found["pairs_rejected"]) == (10, 7)
    assert found["rejected"] == (
        "1 call or put not listed, 1 no ask, 1 no bid, 1 crossed, 1 wide, 2 off the line"
    )


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_part_of_stale_quotes_does_not_move_the_forward(share):
    quotes = chain(half=0.05, noise=0.5)
    rng = np.random.default_rng(2)
    stale = (quotes["right"] == "C") & (rng.random(len(quotes)) < share)
    quotes.loc[stale, ["bid", "ask"]] += 2.0
    found = implied_forwards(quotes, rate=RATE)
    assert_allclose(found["forward"], true_forwards(found["years"]), atol=0.06)


def test_american_quotes_give_the_forward_back_where_plain_parity_is_off():
    quotes = chain(american_price, "american", half=0.03)
    found = implied_forwards(quotes, rate=RATE)
    truth = true_forwards(found["years"])
    assert found["method"].tolist() == ["american"] * 3
    assert_allclose(found["forward"], truth, atol=2e-4)
    assert_allclose(found["dividend_yield"], YIELD, atol=1e-5)
    plain = implied_forwards(quotes.assign(exercise="european"), rate=RATE)
    assert (np.abs(plain["forward"] - truth) > 50 * np.abs(found["forward"] - truth))[1:].all()


def test_american_quotes_tell_their_rate_too():
    found = implied_forwards(chain(american_price, "american", half=0.03))
    assert found["status"].tolist() == ["ok"] * 3
    assert found["rate"].iloc[-1] == approx(RATE, abs=2e-4)
    assert_allclose(found["forward"], true_forwards(found["years"]), atol=5e-3)


def test_an_expiry_that_tells_nothing_says_why():
    quotes = chain()
    expired = quotes.assign(years=np.where(quotes["expiry"] == "2020-02-21", 0.0, quotes["years"]))
    expired.loc[(expired["expiry"] == "2020-06-19") & (expired["right"] == "P"), "bid"] = np.nan
    found = implied_forwards(expired)
    assert found["status"].tolist() == [
        "no time is left",
        "no strike has a call and a put with usable quotes, and 3 are needed",
        "ok",
    ]
    assert found["forward"].isna().tolist() == [True, True, False]
    assert found["rate_source"].tolist() == ["", "", "own"]
    few = quotes[quotes["strike"].isin([95, 100])]
    assert set(implied_forwards(few)["status"]) == {
        "only 2 strikes have a call and a put with usable quotes, and 3 are needed"
    }
    assert_allclose(
        implied_forwards(few, rate=RATE)["forward"], true_forwards([29 / 365, 0.4, 1.0]), rtol=1e-9
    )


def test_one_pair_tells_the_forward_to_within_its_width_once_the_rate_is_given():
    one = chain(strikes=[100.0], half=0.10)
    found = implied_forwards(one, rate=RATE)
    assert_allclose(found["forward"], true_forwards(found["years"]), rtol=1e-11)
    # Two quotes of half-width 0.1 spread evenly over 0.2 to each side.
    assert found["forward_error"].iloc[0] == approx(0.2 / np.sqrt(3) * exp(RATE * found["years"].iloc[0]))


def test_a_chain_too_loose_for_a_rate_asks_for_one():
    loose = chain(half=1.0, noise=0.5, strikes=[97.5, 100.0, 102.5])
    found = implied_forwards(loose)
    assert found["status"].str.contains("the quotes tell the rate only to within .*; give `rate`").all()


def test_of_two_roots_the_one_with_more_quotes_counts():
    quotes = chain()
    name = quotes["expiry"].dt.strftime("%y%m%d") + quotes["right"]
    symbol = name + (quotes["strike"] * 1000).astype(int).astype(str).str.zfill(8)
    adjusted = quotes[quotes["strike"].isin([95, 100])].assign(symbol="XYZ1  " + symbol)
    adjusted[["bid", "ask"]] *= 1.5
    both = pd.concat([adjusted, quotes.assign(symbol="XYZ   " + symbol)], ignore_index=True)
    found = implied_forwards(both)
    assert_allclose(found["forward"], true_forwards(found["years"]), rtol=1e-11)
    assert found["rejected"].str.startswith("2 of another root").all()


def test_chains_that_cannot_be_read_are_refused():
    with pytest.raises(PricingInputError, match="no column `bid`"):
        implied_forwards(chain().drop(columns="bid"))
    with pytest.raises(PricingInputError, match="no column `spot` or `underlying_price`"):
        implied_forwards(chain().drop(columns="spot"))
    with pytest.raises(PricingInputError, match="2 values of `spot`"):
        implied_forwards(chain().assign(spot=np.repeat([99.0, 100.0], 51)))
    with pytest.raises(PricingInputError, match="`rate` is nan; give one number"):
        implied_forwards(chain(), rate=np.nan)
    with pytest.raises(PricingInputError, match="0 values of `spot`"):
        implied_forwards(chain().assign(spot=np.nan))


def test_the_weighted_median_splits_the_weight():
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.ones(3)) == 2.0
    assert weighted_median(np.array([1.0, 2.0, 10.0]), np.array([1.0, 1.0, 1e6])) == approx(10, abs=1e-4)


def test_a_third_of_wild_points_does_not_tilt_the_line():
    rng = np.random.default_rng(4)
    x = np.linspace(80, 120, 41)
    y = 50 - 0.97 * x + rng.uniform(-0.02, 0.02, 41)
    y[::3] += rng.uniform(2, 8, 14)
    width = np.full(41, 0.02)
    assert theil_sen_slope(x, y, 1 / width**2) == approx(-0.97, abs=0.05)
    fit = fit_line(x, y, width)
    assert fit.slope == approx(-0.97, abs=4 * fit.slope_error)
    assert fit.slope_error < 5e-4
    assert not fit.used[::3].any()
    assert fit.at(100.0) == approx(-47, abs=0.01)


def test_on_clean_points_the_robust_line_is_least_squares():
    rng = np.random.default_rng(5)
    x = np.linspace(80, 120, 200)
    y = 50 - 0.97 * x + rng.normal(0, 0.01, 200)
    fit = fit_line(x, y, np.full(200, 0.01 * np.sqrt(3)))
    slope, level = np.polyfit(x, y, 1)
    assert fit.slope == approx(slope, abs=3e-5)
    assert fit.at(0.0) == approx(level, abs=3e-3)
    # The textbook standard error of a slope: sigma by the root of the sum of squares.
    assert fit.slope_error == approx(0.01 / np.sqrt(np.sum((x - x.mean()) ** 2)), rel=0.15)
