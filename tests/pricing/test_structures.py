from math import exp, inf

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import (
    STRUCTURES,
    black_scholes_greeks,
    build_structure,
    extremes,
    find_structure,
    payoff_summary,
)

SPOT = 100.0
EXPIRIES = {"2020-01-31": 30, "2020-02-14": 44, "2020-03-20": 79}
COLUMNS = [
    "role", "symbol", "underlying", "kind", "expiry", "days", "strike", "years", "quantity", "multiplier",
    "exercise", "spot", "volatility", "rate", "dividend_yield", "price", "bid", "ask", "mid", "delta",
]  # fmt: skip


@pytest.fixture
def chain():
    """Three expiries of a share at 100, strikes 70 to 130 by 2.5, with a skew and a spread of 4 %."""
    rows = []
    for day, days in EXPIRIES.items():
        for strike in np.arange(70.0, 130.1, 2.5):
            for right in "CP":
                volatility = 0.25 - 0.15 * np.log(strike / SPOT)
                found = black_scholes_greeks(
                    SPOT, strike, days / 365, volatility, rate=0.02, is_call=right == "C",
                    greeks=("price", "delta"),
                )  # fmt: skip
                price = float(found["price"])
                rows.append(
                    {
                        "symbol": f"XYZ   {pd.Timestamp(day):%y%m%d}{right}{round(strike * 1000):08d}",
                        "expiry": pd.Timestamp(day),
                        "years": days / 365,
                        "strike": strike,
                        "right": right,
                        "bid": max(round(price * 0.98, 2), 0.01),
                        "ask": round(price * 1.02 + 0.02, 2),
                        "implied_volatility": volatility,
                        "delta": float(found["delta"]),
                        "spot": SPOT,
                        "rate": 0.02,
                        "dividend_yield": 0.0,
                        "exercise": "american",
                    }
                )
    return pd.DataFrame(rows)


def legs_of(frame):
    return [
        (row.kind, None if np.isnan(row.strike) else row.strike, row.quantity) for row in frame.itertuples()
    ]


# Strikes asked for by hand, and the legs that a textbook gives the structure.
GIVEN = {
    "long_call": ([105], [("call", 105, 1)]),
    "short_put": ([95], [("put", 95, -1)]),
    "bull_call_spread": ([100, 110], [("call", 100, 1), ("call", 110, -1)]),
    "bear_call_spread": ([100, 110], [("call", 100, -1), ("call", 110, 1)]),
    "bull_put_spread": ([90, 100], [("put", 90, 1), ("put", 100, -1)]),
    "bear_put_spread": ([90, 100], [("put", 90, -1), ("put", 100, 1)]),
    "long_straddle": ([100], [("put", 100, 1), ("call", 100, 1)]),
    "short_strangle": ([90, 110], [("put", 90, -1), ("call", 110, -1)]),
    "iron_condor": (
        [85, 90, 110, 115], [("put", 85, 1), ("put", 90, -1), ("call", 110, -1), ("call", 115, 1)],
    ),
    "iron_butterfly": (
        [90, 100, 110], [("put", 90, 1), ("put", 100, -1), ("call", 100, -1), ("call", 110, 1)],
    ),
    "call_butterfly": ([90, 100, 110], [("call", 90, 1), ("call", 100, -2), ("call", 110, 1)]),
    "broken_wing_put_butterfly": ([80, 95, 100], [("put", 80, 1), ("put", 95, -2), ("put", 100, 1)]),
    "put_condor": ([85, 90, 95, 100], [("put", 85, 1), ("put", 90, -1), ("put", 95, -1), ("put", 100, 1)]),
    "call_ratio_spread": ([100, 110], [("call", 100, 1), ("call", 110, -2)]),
    "put_back_spread": ([90, 100], [("put", 90, 2), ("put", 100, -1)]),
    "jade_lizard": ([90, 110, 115], [("put", 90, -1), ("call", 110, -1), ("call", 115, 1)]),
    "covered_call": ([110], [("share", None, 100), ("call", 110, -1)]),
    "collar": ([90, 110], [("share", None, 100), ("put", 90, 1), ("call", 110, -1)]),
    "risk_reversal": ([90, 110], [("put", 90, -1), ("call", 110, 1)]),
    "box": ([95, 105], [("put", 95, -1), ("call", 95, 1), ("put", 105, 1), ("call", 105, -1)]),
    "synthetic_short": ([100], [("put", 100, 1), ("call", 100, -1)]),
    "reversal": ([100], [("share", None, -100), ("put", 100, -1), ("call", 100, 1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_structures_at_given_strikes_have_their_textbook_legs(name, chain):
    strikes, expected = GIVEN[name]
    assert legs_of(build_structure(name, chain, strikes=strikes)) == expected


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_builds_on_a_full_chain_and_can_be_summed_up(name, chain):
    legs = build_structure(name, chain)
    assert legs.columns.tolist() == COLUMNS
    options = legs[legs["kind"] != "share"]
    quoted = chain.set_index("symbol")
    for row in options.itertuples():
        quote = quoted.loc[row.symbol]
        assert (quote["strike"], quote["expiry"], quote["years"]) == (row.strike, row.expiry, row.years)
        assert (quote["bid"], quote["ask"]) == (row.bid, row.ask)
        assert row.price == approx((row.bid + row.ask) / 2)
        assert quote["right"] == {"call": "C", "put": "P"}[row.kind]
    assert (np.diff(options.drop_duplicates("strike")["strike"]) > 0).all()
    found = payoff_summary(legs, model="black_scholes")
    assert np.isfinite(found.delta)
    assert found.underlying == "XYZ"
    assert STRUCTURES[name].description.endswith(".")
    assert "\n" not in STRUCTURES[name].description


# What the trade says of risk: (bounded profit, bounded loss).
@pytest.mark.parametrize(
    ("name", "bounded"),
    [
        ("long_call", (False, True)), ("short_call", (True, False)), ("long_straddle", (False, True)),
        ("short_straddle", (True, False)), ("iron_condor", (True, True)), ("put_butterfly", (True, True)),
        ("call_ratio_spread", (True, False)), ("call_back_spread", (False, True)),
        ("jade_lizard", (True, True)), ("reverse_jade_lizard", (True, False)), ("covered_call", (True, True)),
        ("protective_put", (False, True)), ("collar", (True, True)), ("conversion", (True, True)),
        ("risk_reversal", (False, True)), ("call_calendar", (True, True)), ("box", (True, True)),
    ],
)  # fmt: skip
def test_profit_and_loss_are_bounded_where_the_trade_says_so(name, bounded, chain):
    found = extremes(build_structure(name, chain), model="black_scholes")
    assert (found.max_profit < inf, found.max_loss > -inf) == bounded


def test_a_condor_by_delta_and_width_takes_the_nearest_listed(chain):
    legs = build_structure("Iron Condor", chain, days=45, delta=0.20, width=7)
    near = chain[chain["expiry"] == "2020-02-14"]
    for right, short, wing, side in (("P", 1, 0, -1), ("C", 2, 3, 1)):
        options = near[near["right"] == right]
        nearest = options.iloc[int(np.argmin(np.abs(options["delta"].abs() - 0.20)))]
        assert legs["strike"][short] == nearest["strike"]
        # 7.5 is the listed distance nearest to 7.
        assert legs["strike"][wing] == nearest["strike"] + side * 7.5
    assert set(legs["expiry"]) == {pd.Timestamp("2020-02-14")}
    assert legs["role"].tolist() == ["long put", "short put", "short call", "long call"]


def test_each_side_can_have_a_delta_of_its_own(chain):
    legs = build_structure("short_strangle", chain, days=80, delta={"put": 0.30, "call": 0.10})
    assert legs["delta"].abs().tolist() == approx([0.30, 0.10], abs=0.035)


def test_at_the_money_is_the_strike_nearest_to_spot(chain):
    assert build_structure("long_straddle", chain.assign(spot=101.3))["strike"].tolist() == [102.5, 102.5]
    # Halfway between two strikes the lower one is taken.
    assert build_structure("long_straddle", chain.assign(spot=101.25))["strike"].tolist() == [100.0, 100.0]
    by_delta = build_structure("long_straddle", chain, delta=0.30)
    assert by_delta["strike"].iloc[0] == by_delta["strike"].iloc[1] > 100


def test_calendars_sell_the_near_and_buy_the_later_expiry(chain):
    legs = build_structure("call_calendar", chain, days=40)
    assert legs["expiry"].dt.strftime("%m-%d").tolist() == ["02-14", "03-20"]
    assert legs["quantity"].tolist() == [-1, 1]
    legs = build_structure("put_diagonal", chain, expiry="2020-01-31", far_expiry="2020-02-14", width=5)
    assert legs["strike"][1] - legs["strike"][0] == 5
    assert legs["role"].tolist() == ["short put", "long far put"]
    legs = build_structure("call_calendar", chain, days=40, far_days=10)
    assert legs["expiry"][1] > legs["expiry"][0]


def test_lots_shares_and_sides_follow_the_quantity(chain):
    assert build_structure("covered_call", chain, quantity=3)["quantity"].tolist() == [300, -3]
    turned = build_structure("call_butterfly", chain, quantity=-2)
    assert turned["quantity"].tolist() == [-2, 4, -2]
    assert turned["role"].tolist() == ["short call", "long call", "short call"]
    mini = build_structure("covered_call", chain.assign(multiplier=10.0))
    assert mini["quantity"].tolist() == [10, -1]
    assert mini["multiplier"].tolist() == [1, 10]


def test_the_worst_fill_buys_at_the_ask_and_sells_at_the_bid(chain):
    legs = build_structure("iron_condor", chain, fill="worst")
    paid = np.where(legs["quantity"] > 0, legs["ask"], legs["bid"])
    assert legs["price"].tolist() == paid.tolist()
    found = payoff_summary(legs, model="black_scholes")
    assert found.net_cash == approx(found.net_cash_worst)
    assert found.net_cash < found.net_cash_mid


def test_legs_without_a_quote_are_passed_over_unless_asked_for(chain):
    strikes = build_structure("iron_condor", chain, width=5)["strike"]
    silent = chain.copy()
    silent.loc[silent["strike"].eq(strikes[0]) & silent["right"].eq("P"), "bid"] = np.nan
    assert build_structure("iron_condor", silent, width=5)["strike"][0] != strikes[0]
    asked = build_structure("iron_condor", silent, width=5, allow_unquoted=True)
    assert asked["strike"][0] == strikes[0]
    assert np.isnan(asked["price"][0])
    # At the worst fill a bought wing needs no bid.
    assert build_structure("iron_condor", silent, width=5, fill="worst")["strike"][0] == strikes[0]
    crossed = chain.assign(bid=chain["ask"] + 0.01)
    with pytest.raises(PricingInputError, match="none has a quote and a delta"):
        build_structure("iron_condor", crossed)


def test_irregular_strikes_keep_one_width_where_they_can(chain):
    """Wings of a condor on strikes of 2.5 below and 5 above stand 10 away on both sides."""
    thin = chain[(chain["strike"] < 100) | (chain["strike"] % 5 == 0)]
    legs = build_structure("iron_condor", thin, expiry="2020-02-14", width=8)
    assert legs["strike"][1] - legs["strike"][0] == legs["strike"][3] - legs["strike"][2]
    assert legs["strike"][3] - legs["strike"][2] in (5, 10)


def test_of_two_roots_the_one_with_more_quotes_is_used(chain):
    adjusted = chain[chain["strike"].isin([95, 100, 105])].copy()
    adjusted["symbol"] = adjusted["symbol"].str.replace("XYZ   ", "XYZ1  ")
    legs = build_structure("long_straddle", pd.concat([adjusted, chain], ignore_index=True))
    assert legs["symbol"].str.startswith("XYZ   ").all()


def test_an_option_that_is_missing_is_named_with_the_nearest(chain):
    few = chain[(chain["strike"] >= 97.5) & (chain["expiry"] == "2020-02-14")]
    with pytest.raises(
        PricingInputError, match=r"no put near delta 0\.16 on 14 Feb 2020: the nearest is 0\.3\d"
    ):
        build_structure("short_strangle", few)
    with pytest.raises(
        PricingInputError, match="no call with a quote on 14 Feb 2020 at strike 101; the nearest is 100"
    ):
        build_structure("long_call", few, strikes=[101])
    with pytest.raises(
        PricingInputError, match="`expiry` 15 Feb 2020 is not listed; the nearest is 14 Feb 2020"
    ):
        build_structure("long_call", chain, expiry="2020-02-15")
    with pytest.raises(PricingInputError, match="No expiry is listed after 14 Feb 2020"):
        build_structure("call_calendar", few)
    with pytest.raises(PricingInputError, match="about 25 from strike"):
        build_structure("bull_call_spread", chain[chain["strike"] < 110], width=25)


def test_arguments_that_contradict_each_other_are_refused(chain):
    with pytest.raises(PricingInputError, match="leave `delta` and `width` out"):
        build_structure("iron_condor", chain, strikes=[85, 90, 110, 115], delta=0.2)
    with pytest.raises(PricingInputError, match="`width` places no strike of a long straddle"):
        build_structure("long_straddle", chain, width=5)
    with pytest.raises(PricingInputError, match="has one expiry; leave the far one out"):
        build_structure("long_straddle", chain, far_days=60)
    with pytest.raises(PricingInputError, match="`expiry` and `days` are both given"):
        build_structure("long_straddle", chain, expiry="2020-02-14", days=30)
    with pytest.raises(PricingInputError, match=r"has 4: give each once, ascending"):
        build_structure("iron_condor", chain, strikes=[90, 85, 110, 115])
    with pytest.raises(PricingInputError, match=r"`delta` is 16; give a number between 0 and 1, as in 0\.16"):
        build_structure("iron_condor", chain, delta=16)
    with pytest.raises(PricingInputError, match="`quantity` is 0"):
        build_structure("iron_condor", chain, quantity=0)
    with pytest.raises(PricingInputError, match="`fill` is 'last'"):
        build_structure("iron_condor", chain, fill="last")


def test_names_are_found_however_they_are_written():
    assert find_structure("Poor man's covered call").name == "poor_mans_covered_call"
    assert find_structure("cash-secured put").name == "cash_secured_put"
    with pytest.raises(PricingInputError, match="'iron_condo' is no structure; did you mean 'iron_condor'"):
        find_structure("iron_condo")


def test_chains_of_two_shares_or_without_columns_are_refused(chain):
    with pytest.raises(PricingInputError, match="no column `delta`"):
        build_structure("long_call", chain.drop(columns="delta"))
    with pytest.raises(PricingInputError, match="2 spots"):
        build_structure("long_call", chain.assign(spot=np.where(chain["strike"] < 100, 99.0, 100.0)))
    with pytest.raises(PricingInputError, match="no option with time left"):
        build_structure("long_call", chain.assign(years=0.0))


def test_prices_of_a_synthetic_long_are_those_of_the_forward(chain):
    legs = build_structure("synthetic_long", chain, expiry="2020-03-20", strikes=[100])
    forward_value = SPOT - 100 * exp(-0.02 * 79 / 365)
    assert payoff_summary(legs, model="black_scholes").value == approx(100 * forward_value)
