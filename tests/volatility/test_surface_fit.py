import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_price
from workbench.volatility import fit_surface, modelled_chain, ssvi_slice

YEARS = np.array([0.05, 0.12, 0.3, 0.75, 1.5])
EXPIRIES = pd.to_datetime(["2024-01-19", "2024-02-16", "2024-04-19", "2024-09-20", "2025-06-20"])
SPOT, RATE, YIELD = 100.0, 0.04, 0.01
LEVELS = 0.04 * YEARS * (1 + 0.3 * np.exp(-3 * YEARS))
TRUE = [ssvi_slice(t, -0.5, 1.2 / np.sqrt(t)) for t in LEVELS]


def chain(*, width=0.002, known=True):
    """A chain of a known surface without arbitrage: volatilities to the last digit, quotes around them."""
    frames = []
    for expiry, years, smile in zip(EXPIRIES, YEARS, TRUE, strict=True):
        forward = SPOT * np.exp((RATE - YIELD) * years)
        deviation = np.sqrt(smile.total_variance(0.0))
        strike = np.round(forward * np.exp(np.linspace(-2.5, 2.0, 31) * deviation), 2)
        volatility = np.sqrt(smile.total_variance(np.log(strike / forward)) / years)
        for right in ("C", "P"):
            around = volatility + width * np.array([[-1.0], [1.0]])
            bid, ask = black_scholes_price(SPOT, strike, years, around, rate=RATE, dividend_yield=YIELD,
                                           is_call=right == "C")  # fmt: skip

            frames.append(pd.DataFrame({
                "expiry": expiry, "years": years, "forward": forward, "rate": RATE, "strike": strike,
                "right": right, "bid": bid, "ask": ask,
                "implied_volatility": volatility, "bid_volatility": volatility - width,
                "ask_volatility": volatility + width, "spot": SPOT,
            }))  # fmt: skip
    quotes = pd.concat(frames, ignore_index=True)
    volatilities = ["implied_volatility", "bid_volatility", "ask_volatility"]
    return quotes if known else quotes.drop(columns=volatilities)


def test_a_known_surface_is_found_again():
    surface = fit_surface(chain())
    assert surface.spot == SPOT
    assert surface.repaired == ""
    assert list(surface.expiries) == list(EXPIRIES)
    assert surface.fits["worst_points"].max() < 0.02
    assert surface.fits["inside"].eq(1.0).all()
    assert surface.fits["quotes"].eq(31).all()
    assert surface.left_out.empty
    assert surface.arbitrage()["holds"].all()


def test_misses_are_told_in_points_and_in_widths():
    surface = fit_surface(chain(width=0.002))
    used = surface.quotes[surface.quotes["reason"] == ""]
    miss = 100 * (used["fitted_volatility"] - used["implied_volatility"])
    assert_allclose(used["miss_points"], miss)
    first = miss[used["years"] == YEARS[0]]
    row = surface.fits.iloc[0]
    assert row["rmse_points"] == approx(np.sqrt((first**2).mean()))
    assert row["worst_points"] == approx(first.abs().max())
    assert row["worst_widths"] == approx(first.abs().max() / 0.4)
    assert row["rmse_widths"] == approx(np.sqrt((first**2).mean()) / 0.4)


def test_without_volatilities_they_are_taken_from_the_quotes():
    given, taken = fit_surface(chain()), fit_surface(chain(known=False))
    k = np.linspace(-0.2, 0.2, 9)
    found, expected = (s.volatility(log_moneyness=k, years=0.3) for s in (taken, given))
    assert_allclose(found, expected, atol=3e-4)


def test_bad_quotes_are_ringed_and_the_surface_stays():
    quotes = chain()
    out = (quotes["right"] == "C") == (quotes["strike"] >= quotes["forward"])
    bad = quotes.index[out][[4, 40, 70, 101]]
    names = ["implied_volatility", "bid_volatility", "ask_volatility"]
    quotes.loc[bad, names] *= 1.6
    surface = fit_surface(quotes)
    assert set(surface.quotes.index[surface.quotes["reason"] == "far from the other quotes"]) == set(bad)
    assert surface.fits["ringed"].sum() == 4
    assert surface.fits["worst_points"].max() < 0.1


def test_each_quote_left_out_says_why_and_the_index_is_kept():
    quotes = chain().set_index(pd.Index([f"q{i}" for i in range(310)]))
    out = quotes.index[(quotes["right"] == "C") & (quotes["strike"] > quotes["forward"])]
    quotes.loc[out[0], "bid"] = np.nan
    quotes.loc[out[1], "ask"] = 0.0
    quotes.loc[out[2], ["bid", "ask"]] = [5.0, 4.0]
    quotes.loc[out[3], "ask"] = 40.0
    quotes.loc[out[4], "implied_volatility"] = np.nan
    found = fit_surface(quotes).quotes
    assert found.index.equals(quotes.index)
    expected = ["no bid", "no ask", "crossed", "ask over 3 times the bid", "no implied volatility"]
    assert found.loc[out[:5], "reason"].tolist() == expected
    inside = (quotes["right"] == "C") & (quotes["strike"] < quotes["forward"])
    assert found.loc[inside, "reason"].eq("in the money").all()


def test_an_expiry_with_too_few_quotes_is_left_out_with_a_reason():
    quotes = chain()
    thin = quotes["years"] == YEARS[1]
    keep = quotes.index[thin & ((quotes["right"] == "C") == (quotes["strike"] >= quotes["forward"]))][::10]
    quotes = quotes[~thin | quotes.index.isin(keep)]
    late = quotes[quotes["years"] == YEARS[0]].assign(years=0.0, expiry=pd.Timestamp("2024-01-01"))
    surface = fit_surface(pd.concat([late, quotes]))
    assert surface.left_out.set_index("expiry")["reason"].to_dict() == {
        pd.Timestamp("2024-01-01"): "no time left",
        EXPIRIES[1]: "4 usable quotes, 5 needed",
    }
    assert len(surface.slices) == 4


def test_a_chain_full_of_calendar_arbitrage_gets_a_surface_without():
    quotes = chain()
    names = ["implied_volatility", "bid_volatility", "ask_volatility"]
    # A fall this steep makes total variance fall from each expiry to the next.
    quotes[names] = quotes[names].mul((0.05 / quotes["years"]) ** 0.8, axis=0)
    surface = fit_surface(quotes)
    assert surface.arbitrage().query("check in ('butterfly', 'calendar')")["holds"].all()
    k = np.linspace(-1, 1, 201)
    variance = np.array([smile.total_variance(k) for smile in surface.slices])
    assert np.all(np.diff(variance, axis=0) >= 0)


def test_the_modelled_chain_of_the_desk_can_be_fitted():
    dates = [pd.Timestamp("2013-04-20").date(), pd.Timestamp("2013-06-22").date()]
    years = np.array([48.86, 111.86]) / 365
    stamp = pd.Timestamp("2013-03-01 21:00", tz="UTC")
    quotes = modelled_chain("AAPL", 430.47, time=stamp, expiries=dates, years=years,
                            realized_volatility=0.35, rate=0.001, dividend_yield=0.02)  # fmt: skip
    time = quotes["expiry"].map(dict(zip(pd.to_datetime(dates), years, strict=True)))
    forward = 430.47 * np.exp((0.001 - 0.02) * time)
    surface = fit_surface(quotes.assign(years=time, forward=forward, rate=0.001))
    assert surface.spot == 430.47
    assert surface.volatility(430.47, float(years[0])) == approx(0.35, abs=0.003)
    assert surface.arbitrage()["holds"].all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": "X"}, "`right` is 'X' in row 0"),
        ({"strike": -1.0}, "`strike` is -1 in row 0"),
        ({"forward": 0.0}, "`forward` is 0 in row 0"),
        ({"implied_volatility": -0.1}, "`implied_volatility` is -0.1 in row 0"),
        ({"bid": np.nan}, "No expiry can be fitted (2024-01-19: 0 usable quotes, 5 needed"),
    ],
)
def test_a_chain_that_cannot_be_used_says_why(change, message):
    with pytest.raises(PricingInputError) as caught:
        fit_surface(chain().assign(**change))
    assert message in str(caught.value)


def test_contradictions_between_rows_are_refused():
    quotes = chain()
    with pytest.raises(PricingInputError, match="no column `years`"):
        fit_surface(quotes.drop(columns="years"))
    with pytest.raises(PricingInputError, match="2024-01-19 has forwards"):
        fit_surface(quotes.assign(forward=quotes["forward"] + np.arange(len(quotes)) * 1e-3))
    with pytest.raises(PricingInputError, match="same `years`"):
        fit_surface(quotes.assign(years=0.5))
    with pytest.raises(PricingInputError, match="`spot` is 100 in one row and 101 in another"):
        fit_surface(quotes.assign(spot=[100.0] * 309 + [101.0]))
    with pytest.raises(PricingInputError, match="the chain is empty"):
        fit_surface(quotes.iloc[:0])
