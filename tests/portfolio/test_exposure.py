import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import RiskInputError
from workbench.portfolio import book_greeks, leg_greeks, trader_units
from workbench.pricing import black_scholes_price

SUMS = ["delta", "dollar_delta", "gamma", "dollar_gamma", "vega", "theta", "rho", "value"]


def five_legs():
    """Hull's call and put (42 against 40) sold and bought over their share; a call on something else."""
    return pd.DataFrame(
        {
            "symbol": ["HULL", "HULL C40", "HULL P40", "XYZ", "XYZ C100"],
            "underlying": ["HULL", "HULL", "HULL", "XYZ", "XYZ"],
            "kind": ["share", "call", "put", "share", "call"],
            "strike": [np.nan, 40, 40, np.nan, 100],
            "expiry": pd.to_datetime([None, "2013-09-21", "2013-09-21", None, "2013-12-21"]),
            "years": [np.nan, 0.5, 0.5, np.nan, 0.75],
            "quantity": [100.0, -2, 3, -50, 1],
            "multiplier": [1.0, 100, 100, 1, 100],
            "exercise": ["", "european", "european", "", "american"],
            "spot": [42.0, 42, 42, 98, 98],
            "volatility": [np.nan, 0.2, 0.2, np.nan, 0.3],
            "rate": [0.1, 0.1, 0.1, 0.03, 0.03],
            "dividend_yield": [0.0, 0, 0, 0.01, 0.01],
            "account": ["a", "a", "b", "a", "b"],
        }
    )


def test_a_five_leg_book_by_hand():
    """Hull's Greeks times -200 and +300, and the shares: the textbook's six decimals carry through."""
    hull = book_greeks(five_legs(), by="underlying").loc["HULL"]
    put_delta, put_theta = 0.779131 - 1, -4.559092 + 0.1 * 40 * np.exp(-0.05)
    put_rho = 13.982046 - 0.5 * 40 * np.exp(-0.05)
    assert hull["delta"] == approx(100 - 200 * 0.779131 + 300 * put_delta, abs=1e-3)
    assert hull["dollar_delta"] == approx(42 * hull["delta"])
    assert hull["gamma"] == approx(100 * 0.049963, abs=1e-3)
    assert hull["dollar_gamma"] == approx(100 * 0.049963 * 42**2 / 100, abs=2e-3)
    assert hull["vega"] == approx(100 * 8.813415, abs=1e-3)
    assert hull["theta"] == approx(-200 * -4.559092 + 300 * put_theta, abs=1e-3)
    assert hull["rho"] == approx(-200 * 13.982046 + 300 * put_rho, abs=1e-3)
    assert hull["value"] == approx(4200 - 200 * 4.759422 + 300 * 0.808599, abs=1e-3)
    assert hull["unpriced"] == 0


def test_trader_units_name_their_unit():
    hull = book_greeks(five_legs(), by="underlying")
    face = trader_units(hull)
    assert list(face.columns) == [
        "delta_shares", "dollar_delta", "dollar_gamma_1pct", "vega_point", "theta_day", "rho_point",
        "value", "unpriced",
    ]  # fmt: skip
    assert_allclose(face["vega_point"], hull["vega"] / 100)
    assert_allclose(face["theta_day"], hull["theta"] / 365)
    assert_allclose(face["rho_point"], hull["rho"] / 100)
    pd.testing.assert_series_equal(
        trader_units(book_greeks(five_legs())), face.sum(), check_names=False, check_exact=False
    )


def test_dollar_gamma_is_what_one_per_cent_adds_to_the_delta_in_money():
    legs = five_legs().iloc[[1]]
    delta = [leg_greeks(legs.assign(spot=spot))["delta"].iloc[0] for spot in (42 * 0.99999, 42 * 1.00001)]
    slope = (delta[1] - delta[0]) / 0.002 * 42  # per 1 %
    assert leg_greeks(legs)["dollar_gamma"].iloc[0] == approx(slope, rel=1e-6)


def test_greeks_are_what_small_moves_make():
    book = five_legs()
    total = book_greeks(book)

    def value(**change):
        return book_greeks(book.assign(**change))["value"]

    step = 1e-6
    for name, column in (("vega", "volatility"), ("rho", "rate")):
        moved = (value(**{column: book[column] + step}) - value(**{column: book[column] - step})) / (2 * step)
        assert total[name] == approx(moved, rel=1e-6)
    passed = (value(years=book["years"] - step) - value(years=book["years"] + step)) / (2 * step)
    assert total["theta"] == approx(passed, rel=1e-6)
    percent = (value(spot=book["spot"] * (1 + step)) - value(spot=book["spot"] * (1 - step))) / (2 * step)
    assert total["dollar_delta"] == approx(percent, rel=1e-6)


@pytest.mark.parametrize(
    "by", ["underlying", "expiry", "kind", "account", ["account", "underlying"], "symbol"]
)
def test_parts_sum_to_the_whole_in_every_grouping(by):
    total = book_greeks(five_legs())
    groups = book_greeks(five_legs(), by=by)
    assert_allclose(groups[SUMS].sum(), total[SUMS], rtol=1e-12)
    assert groups["unpriced"].sum() == total["unpriced"]
    assert groups.index.names == ([by] if isinstance(by, str) else by)


@given(
    quantity=st.lists(st.integers(-100, 100), min_size=5, max_size=5),
    missing=st.sets(st.integers(0, 4)),
    groups=st.lists(st.sampled_from("xyz"), min_size=5, max_size=5),
)
@settings(deadline=None, max_examples=40)
def test_parts_sum_to_the_whole_whatever_is_missing(quantity, missing, groups):
    book = five_legs().assign(quantity=[float(q) for q in quantity], desk=groups)
    book.loc[list(missing), "spot"] = np.nan
    total, parts = book_greeks(book), book_greeks(book, by="desk")
    assert_allclose(parts[SUMS].sum(), total[SUMS].fillna(0), rtol=1e-9, atol=1e-9)
    assert parts["unpriced"].sum() == total["unpriced"] == len(missing)


def test_unpriced_legs_are_counted_and_never_summed_as_zero():
    book = five_legs()
    book.loc[4, "volatility"] = np.nan
    total = book_greeks(book)
    assert total["unpriced"] == 1
    assert total["value"] == approx(book_greeks(book.iloc[:4])["value"])
    groups = book_greeks(book, by="symbol")
    assert groups.loc["XYZ C100", SUMS].isna().all()
    assert groups.loc["XYZ C100", "unpriced"] == 1
    assert np.isnan(leg_greeks(book).loc[4, "delta"])


def test_values_are_those_of_the_pricing_engine_and_the_index_is_kept():
    book = five_legs().set_index("symbol", drop=False)
    found = leg_greeks(book)
    assert list(found.index) == list(book.index)
    price = black_scholes_price(98, 100, 0.75, 0.3, rate=0.03, dividend_yield=0.01)
    assert found.loc["XYZ C100", "value"] == approx(100 * price)
    assert found.loc["XYZ", "delta"] == -50
    assert found.loc["XYZ", ["gamma", "vega", "theta", "rho"]].eq(0).all()


def test_an_empty_book_has_no_exposure():
    empty = five_legs().iloc[:0]
    assert (book_greeks(empty) == 0).all()
    assert book_greeks(empty, by="underlying").empty


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("kind", "future", "`kind` is 'future' in row 0 of the book; give share, call or put"),
        ("quantity", np.nan, "`quantity` is missing in row 0 of the book"),
        ("multiplier", np.inf, "`multiplier` is inf in row 0"),
        ("underlying", None, "`underlying` is missing in row 0 of the book"),
        ("spot", -42.0, "`spot` is -42 in row 0; give a number above zero"),
    ],
)
def test_a_book_that_cannot_be_read_is_refused(column, value, message):
    book = five_legs()
    book.loc[0, column] = value
    with pytest.raises(RiskInputError) as caught:
        book_greeks(book)
    assert message in str(caught.value)


def test_missing_columns_are_named():
    with pytest.raises(RiskInputError, match="The book has no column `spot`, `rate`"):
        book_greeks(five_legs().drop(columns=["spot", "rate"]))
    with pytest.raises(RiskInputError, match="no column `sector` to group by"):
        book_greeks(five_legs(), by="sector")
