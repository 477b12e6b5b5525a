"""What a chain says beside its figures: a spot that does not fit, adjusted contracts, and no false alarm."""

import numpy as np
import pandas as pd
import pytest

from workbench.desk.option_quotes import adjusted_rows
from workbench.desk.option_spot import crossing
from workbench.errors import UnknownSymbolError
from workbench.pricing import black_scholes_price

DAY, EXPIRY, YEARS = "2021-09-16", "2021-12-17", (92 + 1 / 24) / 365
STRIKES = np.arange(80.0, 121.0, 2.5)


def quotes(underlying="ABC", *, root=None, spot=100.0, stated=None, tick=0.05, **more):
    """Return American quotes without interest, rounded outward to ticks; `stated` is the spot in the file."""
    strike = np.repeat(STRIKES, 2)
    is_call = np.tile([True, False], len(STRIKES))
    price = black_scholes_price(spot, strike, YEARS, 0.3, is_call=is_call)
    return pd.DataFrame(
        {
            "underlying": underlying,
            "root": root or underlying,
            "quote_date": DAY,
            "expiration": EXPIRY,
            "strike": strike,
            "option_type": np.where(is_call, "C", "P"),
            "bid": np.floor(price / tick) * tick,
            "ask": np.ceil(price / tick) * tick,
            "underlying_close": spot if stated is None else stated,
            **more,
        }
    )


def test_clean_quotes_have_nothing_to_mind(desk):
    desk.load(quotes(), kind="chain", source="modelled for a test")
    found = desk.chain("ABC", DAY)
    assert found["status"].eq("ok").all()
    assert found["flags"].eq("").all()


@pytest.mark.parametrize("stated, side", [(93.0, "above"), (110.0, "below")])
def test_a_stale_spot_is_said_and_proves_no_arbitrage(desk, stated, side):
    """The quotes are of 100: against 93 all puts in the money look too cheap, and nobody could trade that."""
    desk.load(quotes(stated=stated), kind="chain", source="modelled for a test")
    found = desk.chain("ABC", DAY)
    told = found["flags"].str.extract(r"^forward ([\d.]+)% (\w+) spot, which may be of another time")
    assert told[1].eq(side).all()
    # What is taken off for early exercise was found against the stale spot.
    np.testing.assert_allclose(told[0].astype(float), abs(100 / stated - 1) * 100, atol=1.5)
    assert not found["flags"].str.contains("arbitrage").any()
    unpriced = found[found["status"].ne("ok")]
    assert len(unpriced)
    assert unpriced["status"].str.startswith("below_intrinsic: the middle").all()


def bar(close):
    return pd.DataFrame({"symbol": ["ABC"], "time": [DAY], "open": [close], "high": [close], "low": [close],
                         "close": [close], "volume": [1e6]})  # fmt: skip


@pytest.mark.parametrize("ratio", [7.0, 1 / 7, 2.0, 1.5, 1 / 10])
def test_a_bar_that_was_adjusted_for_a_split_prices_nothing(desk, ratio):
    """Strikes are what they were on the day; a close in the shares of after a split is of another share."""
    desk.load(quotes().drop(columns="underlying_close"), kind="chain", source="modelled for a test")
    desk.load_bars(bar(100.0 / ratio), source="adjusted by somebody")
    found = desk.chain("ABC", DAY)
    said = f"missing_spot: the desk's bar says {100 / ratio:g}, and calls and puts cost the same near 100"
    assert found["status"].str.startswith(said).all()
    assert found["implied_volatility"].isna().all()
    assert found["flags"].eq("").all()


def test_a_price_of_the_file_from_before_a_split_prices_nothing(desk):
    desk.load(quotes(stated=700.0), kind="chain", source="modelled for a test")
    assert desk.chain("ABC", DAY)["status"].str.startswith("missing_spot: the file says 700").all()


def test_european_options_tell_their_own_spot_where_the_files_cannot_be(desk):
    desk.load(quotes("SPX", root="SPXW", stated=700.0), kind="chain", source="modelled for a test")
    found = desk.chain("SPX", DAY)
    assert found["status"].eq("ok").all()
    np.testing.assert_allclose(found["spot"], 100, atol=0.05)
    assert found["flags"].str.startswith("spot told by the nearest forward").all()


def test_a_volatility_index_may_lie_far_from_its_forwards(desk):
    desk.load(quotes("VIX", stated=70.0, tick=0.01), kind="chain", source="modelled for a test")
    found = desk.chain("VIX", DAY)
    assert found["spot"].eq(70).all()
    assert found["flags"].eq("").all()


def test_where_calls_and_puts_cross_is_the_forward():
    frame = pd.DataFrame(
        {
            "settles": pd.Timestamp(EXPIRY, tz="UTC"), "root": "ABC", "years": YEARS,
            "strike": [95.0, 95, 100, 100, 105, 105], "right": list("CPCPCP"),
            "bid": [7.0, 1.0, 3.0, 2.0, 0.0, 4.0], "ask": [7.2, 1.2, 3.2, 2.2, 0.1, 4.2],
        }
    )  # fmt: skip
    assert crossing(frame) == pytest.approx(101.0)
    assert np.isnan(crossing(frame[frame["right"].eq("C")]))
    assert np.isnan(crossing(frame.assign(years=0.0)))


def test_spots_of_moments_apart_prove_no_arbitrage(desk):
    stated = np.where(np.arange(2 * len(STRIKES)) % 4 < 2, 100.0, 99.2)
    desk.load(quotes(stated=stated), kind="chain", source="modelled for a test")
    found = desk.chain("ABC", DAY)
    assert not found["flags"].str.contains("arbitrage").any()


def test_a_breach_larger_than_the_quotes_leave_open_is_arbitrage(desk):
    chain = quotes()
    at = chain["strike"].eq(100.0) & chain["option_type"].eq("C")
    chain.loc[at, ["bid", "ask"]] += 1.0
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("ABC", DAY)
    assert (
        found.loc[found["strike"].eq(100.0) & found["right"].eq("C"), "flags"].str.contains("arbitrage").all()
    )


def test_an_adjusted_contract_has_one_reason_alone(desk):
    chain = pd.concat([quotes(), quotes(root="ABC1")])
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("ABC", DAY)
    adjusted = found[found["root"].eq("ABC1")]
    assert adjusted["status"].str.startswith("adjusted: ABC1 delivers something other").all()
    assert adjusted["flags"].eq("").all()
    assert found["root"].value_counts().to_dict() == {"ABC": 34, "ABC1": 34}


def test_a_mini_is_priced_as_its_big_sister(desk):
    """Ten shares a contract, quoted per share: the same volatility, and the multiplier beside it."""
    chain = pd.concat([quotes(multiplier=100), quotes(root="ABC7", multiplier=10)])
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("ABC", DAY)
    assert found["status"].eq("ok").all()
    sisters = found.pivot(index=["strike", "right"], columns="root", values="implied_volatility")
    np.testing.assert_allclose(sisters["ABC7"], sisters["ABC"], rtol=1e-12)
    assert found.groupby("root")["multiplier"].first().to_dict() == {"ABC": 100, "ABC7": 10}


def test_rows_are_adjusted_by_root_underlying_and_multiplier():
    frame = pd.DataFrame(
        {
            "root": ["ABC", "ABC1", "ABC7", "SPXW", "ABC1"],
            "underlying": ["ABC", "ABC", "ABC", "SPX", "ABC"],
            "multiplier": [100.0, 100.0, 10.0, 100.0, np.nan],
        }
    )
    assert adjusted_rows(frame).tolist() == [False, True, False, False, True]


def test_a_root_whose_file_names_another_underlying_is_no_riddle(desk):
    desk.load(quotes("OTHER", root="ABC"), kind="chain", source="modelled for a test")
    with pytest.raises(UnknownSymbolError, match="options with the root 'ABC', and their file names another"):
        desk.chain("ABC", DAY)
