from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from workbench.errors import PricingInputError
from workbench.market.schemas import OPTION_QUOTES
from workbench.pricing import black_scholes_price, implied_volatility
from workbench.volatility import ModelledSmile, ModelledSpread, listed_strikes, modelled_chain

EXPIRIES = [date(2013, 4, 20), date(2013, 6, 22)]
YEARS = [48.86 / 365, 111.86 / 365]


def chain(**change):
    arguments = {
        "underlying": "AAPL", "spot": 430.47, "time": pd.Timestamp("2013-03-01 21:00", tz="UTC"),
        "expiries": EXPIRIES, "years": YEARS, "realized_volatility": 0.35, "rate": 0.001,
        "dividend_yield": 0.02, "strike_step": 10.0,
    }  # fmt: skip
    return modelled_chain(**(arguments | change))


def test_the_chain_has_the_columns_of_option_quotes_and_says_modelled():
    quotes = chain()
    assert list(quotes.columns) == [column.name for column in OPTION_QUOTES]
    assert quotes["modelled"].all()
    assert quotes["modelled"].dtype == bool
    nothing = [n for n in quotes if n.startswith("vendor_")]
    nothing += ["last", "bid_size", "ask_size", "volume", "open_interest", "flag"]
    assert quotes[nothing].isna().all(axis=None)
    assert str(quotes["time"].dt.tz) == "UTC"
    assert quotes["expiry"].dtype.kind == "M"
    assert quotes[["underlying_price", "strike", "multiplier"]].dtypes.eq("float64").all()


def test_symbols_are_those_of_the_occ_and_each_stands_once():
    quotes = chain()
    row = quotes[(quotes["strike"] == 430) & (quotes["right"] == "P")].iloc[0]
    assert row["symbol"] == "AAPL  130420P00430000"
    assert quotes["symbol"].is_unique
    assert quotes["symbol"].str.len().eq(21).all()


def test_the_same_inputs_give_the_same_quotes():
    pd.testing.assert_frame_equal(chain(), chain())


def test_quotes_stand_around_the_model_price_by_the_stated_spread():
    quotes = chain()
    years = quotes["expiry"].map(dict(zip(pd.to_datetime(EXPIRIES), YEARS, strict=True))).to_numpy()
    forward = 430.47 * np.exp((0.001 - 0.02) * years)
    z = np.log(quotes["strike"] / forward) / (0.35 * np.sqrt(years))
    volatility = 0.35 * (1 - 0.06 * z + 0.01 * z**2)
    price = black_scholes_price(430.47, quotes["strike"], years, volatility, rate=0.001,
                                dividend_yield=0.02, is_call=quotes["right"] == "C")  # fmt: skip
    half = np.clip(0.02 * price, 0.02, 0.25)
    bid, ask = quotes["bid"].to_numpy(), quotes["ask"].to_numpy()
    bids = ~np.isnan(bid)
    assert np.all((price - half - 0.01 - 1e-9 <= bid)[bids] & (bid <= price - half + 1e-9)[bids])
    assert np.all((price + half - 1e-9 <= ask) & (ask <= price + half + 0.01 + 1e-9))
    assert np.all((price - half)[~bids] < 0.01)
    assert_allclose(bid[bids] * 100, np.round(bid[bids] * 100), atol=1e-9)
    assert_allclose(ask * 100, np.round(ask * 100), atol=1e-9)


def test_the_middle_implies_the_model_volatility():
    quotes = chain().dropna(subset=["bid"])
    quotes = quotes[quotes["bid"] >= 1]
    years = quotes["expiry"].map(dict(zip(pd.to_datetime(EXPIRIES), YEARS, strict=True))).to_numpy()
    middle = (quotes["bid"] + quotes["ask"]) / 2
    found = implied_volatility(middle, 430.47, quotes["strike"], years, rate=0.001, dividend_yield=0.02,
                               is_call=quotes["right"] == "C")  # fmt: skip
    model = ModelledSmile().volatility(quotes["strike"], 430.47 * np.exp((0.001 - 0.02) * years), years, 0.35)
    near = np.abs(np.log(quotes["strike"] / 430.47)) < 0.15
    assert near.sum() > 20
    assert_array_equal(found.status[near], "ok")
    assert_allclose(found.volatility[near], model[near], atol=5e-4)


def test_calls_and_puts_keep_parity_within_a_tick():
    quotes = chain().dropna(subset=["bid"])
    middle = quotes.assign(mid=(quotes["bid"] + quotes["ask"]) / 2)
    table = middle.pivot(index=["expiry", "strike"], columns="right", values="mid").dropna()
    years = table.index.get_level_values("expiry").map(
        dict(zip(pd.to_datetime(EXPIRIES), YEARS, strict=True))
    ).to_numpy()  # fmt: skip
    strike = table.index.get_level_values("strike").to_numpy()
    forward = 430.47 * np.exp(-0.02 * years) - strike * np.exp(-0.001 * years)
    # Cheap options have a narrower spread, so each middle is off by at most half a tick.
    assert_allclose(table["C"] - table["P"], forward, atol=0.0101)


@given(
    volatility=st.floats(0.08, 1.0), years=st.floats(7 / 365, 2), rate=st.floats(0, 0.06),
    dividend_yield=st.floats(0, 0.05),
)  # fmt: skip
@settings(deadline=None)
def test_model_prices_hold_no_arbitrage_within_four_deviations(volatility, years, rate, dividend_yield):
    forward = 100 * np.exp((rate - dividend_yield) * years)
    strikes = forward * np.exp(np.linspace(-4, 4, 161) * volatility * np.sqrt(years))
    smile = ModelledSmile(floor=0.0001, cap=10.0)

    def calls(time):
        fixed = smile.volatility(strikes, 100 * np.exp((rate - dividend_yield) * time), time, volatility)
        return black_scholes_price(100, strikes, time, fixed, rate=rate, dividend_yield=dividend_yield)

    slope = np.diff(calls(years)) / np.diff(strikes)
    assert np.all(np.diff(slope) >= -1e-9), "a butterfly would be free"
    assert np.all((slope <= 1e-12) & (slope >= -np.exp(-rate * years) - 1e-12))
    variance = [
        years_ * smile.volatility(strikes / 100, 1.0, years_, volatility) ** 2
        for years_ in (years, years * 1.1)
    ]
    assert np.all(variance[1] >= variance[0]), "a calendar would be free"


def test_low_strikes_are_dearer_and_the_floor_and_cap_hold():
    smile = ModelledSmile(floor=0.1, cap=0.5)
    found = smile.volatility([70.0, 100.0, 130.0], 100.0, 0.25, 0.3)
    assert found[0] > found[1] == 0.3
    assert smile.volatility(100.0, 100.0, 0.25, 0.02) == 0.1
    assert smile.volatility(100.0, 100.0, 0.25, 0.9) == 0.5


def test_a_worthless_option_has_an_ask_and_no_bid():
    bid, ask = ModelledSpread().quotes([0.0, 0.015, 0.02, 0.03, 10.0, 100.0])
    assert_array_equal(bid, [np.nan, np.nan, np.nan, 0.01, 9.8, 99.75])
    assert_allclose(ask, [0.02, 0.04, 0.04, 0.05, 10.2, 100.25])
    bid, ask = ModelledSpread(tick=0.05).quotes([1.01])
    assert_allclose([bid[0], ask[0]], [0.95, 1.05])


def test_strikes_stand_on_the_listed_grid():
    assert_array_equal(listed_strikes(27.3, width=0.1), [25, 26, 27, 28, 29, 30])
    assert_array_equal(listed_strikes(202.0, width=0.05), [195, 200, 205, 210])
    assert_array_equal(listed_strikes(8.0, width=0.1), [7.5, 8.0, 8.5])
    assert_array_equal(listed_strikes(75.0, width=0.05), [72.5, 75.0, 77.5])
    assert_array_equal(listed_strikes(806.0, width=0.03), [790, 800, 810, 820, 830])
    assert np.all(listed_strikes(0.3) > 0)


def test_strikes_asked_for_are_quoted_each_once_in_order():
    quotes = chain(strikes=[450, 430, 450])
    assert list(quotes["strike"].unique()) == [430.0, 450.0]
    assert len(quotes) == 2 * 2 * 2


def test_an_expiry_without_time_has_no_quotes():
    quotes = chain(years=[0.0, 0.3])
    assert list(quotes["expiry"].unique()) == [pd.Timestamp("2013-06-22")]
    assert chain(years=[0.0, -0.1]).empty
    assert list(chain(years=[0.0, -0.1]).columns) == list(quotes.columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spot": -1.0}, "`spot` is -1"),
        ({"spot": float("nan")}, "`spot` is missing"),
        ({"realized_volatility": 0.0}, "`realized_volatility` is 0"),
        ({"realized_volatility": float("nan")}, "`realized_volatility` is missing"),
        ({"time": pd.Timestamp("2013-03-01")}, "without a time zone"),
        ({"years": [0.1]}, "`years` has shape (1,) for 2 expiries"),
        ({"strike_step": 0.0}, "`strike_step` is 0"),
        ({"width": 1.5}, "`width` is 1.5"),
        ({"exercise": "bermudan"}, "`exercise` is 'bermudan'"),
        ({"strikes": [-5.0]}, "`strikes` is -5 in row 0"),
    ],
)
def test_what_cannot_be_modelled_is_refused(change, message):
    with pytest.raises(PricingInputError) as caught:
        chain(**change)
    assert message in str(caught.value)


def test_the_ticker_and_strikes_must_fit_an_option_symbol():
    assert chain(underlying="BRK.B")["symbol"].str.startswith("BRKB  130420").any()
    with pytest.raises(PricingInputError, match="No OCC symbol holds 'TOOLONG' with strike 310"):
        chain(underlying="TOOLONG")
    with pytest.raises(PricingInputError, match=r"No OCC symbol holds 'AAPL' with strike 430\.0001"):
        chain(strikes=[430.0001])
