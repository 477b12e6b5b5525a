from math import exp, inf, isnan, log, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import (
    SUMMARY_UNITS,
    break_evens,
    capital_needed,
    extremes,
    payoff_summary,
    profit_at_expiry,
    profit_grid,
    spot_grid,
)

SPOT = 100.0


def leg(kind, strike=None, quantity=1.0, price=0.0, *, years=0.25, volatility=0.25, **more):
    """One leg of a position on a share at 100."""
    option = kind != "share"
    return {
        "underlying": "XYZ",
        "kind": kind,
        "strike": strike if option else np.nan,
        "years": years if option else np.nan,
        "quantity": quantity,
        "multiplier": 100.0 if option else 1.0,
        "exercise": "european" if option else "",
        "spot": SPOT,
        "volatility": volatility if option else np.nan,
        "rate": 0.03,
        "dividend_yield": 0.01,
        "price": price,
    } | more


def position(*legs):
    return pd.DataFrame(list(legs))


def by_hand(legs, spot):
    """Profit at expiry of plain legs, one after the other."""
    spot = np.asarray(spot, dtype=float)
    total = np.zeros(spot.shape)
    for row in legs:
        away = spot - row["strike"]
        worth = {"share": spot, "call": np.maximum(away, 0.0), "put": np.maximum(-away, 0.0)}
        total += row["quantity"] * row["multiplier"] * (worth[row["kind"]] - row["price"])
    return total


def quantlib_value(row, spot, years, volatility):
    if row.kind == "share":
        return spot
    kind = QuantLib.Option.Call if row.kind == "call" else QuantLib.Option.Put
    forward = spot * exp((row.rate - row.dividend_yield) * years)
    return QuantLib.blackFormula(kind, row.strike, forward, volatility * sqrt(years), exp(-row.rate * years))


# Each position with what a textbook says of it: break-evens, most that it makes, most that it loses.
HAND_WORKED = {
    "long call": ([leg("call", 100, 1, 4)], [104], inf, -400),
    "short call": ([leg("call", 105, -2, 2)], [107], 400, -inf),
    "long put": ([leg("put", 95, 1, 3)], [92], 9200, -300),
    "short put": ([leg("put", 95, -1, 3)], [92], 300, -9200),
    "covered call": ([leg("share", quantity=100, price=100), leg("call", 110, -1, 2)], [98], 1200, -9800),
    "protective put": ([leg("share", quantity=100, price=100), leg("put", 95, 1, 3)], [103], inf, -800),
    "collar": (
        [leg("share", quantity=100, price=100), leg("put", 95, 1, 3), leg("call", 110, -1, 2)],
        [101], 900, -600,
    ),
    "bull call spread": ([leg("call", 100, 1, 4), leg("call", 110, -1, 1)], [103], 700, -300),
    "bear call spread": ([leg("call", 100, -1, 4), leg("call", 110, 1, 1)], [103], 300, -700),
    "bull put spread": ([leg("put", 90, 1, 1), leg("put", 100, -1, 3.5)], [97.5], 250, -750),
    "bear put spread": ([leg("put", 90, -1, 1), leg("put", 100, 1, 3.5)], [97.5], 750, -250),
    "long straddle": ([leg("put", 100, 1, 4), leg("call", 100, 1, 5)], [91, 109], inf, -900),
    "short strangle": ([leg("put", 90, -1, 1.5), leg("call", 110, -1, 1)], [87.5, 112.5], 250, -inf),
    "iron condor": (
        [leg("put", 85, 1, 0.5), leg("put", 90, -1, 1.5),
         leg("call", 110, -1, 1.25), leg("call", 115, 1, 0.25)],
        [88, 112], 200, -300,
    ),
    "iron butterfly": (
        [leg("put", 90, 1, 1), leg("put", 100, -1, 4), leg("call", 100, -1, 5), leg("call", 110, 1, 1)],
        [93, 107], 700, -300,
    ),
    "call butterfly": (
        [leg("call", 90, 1, 11), leg("call", 100, -2, 5), leg("call", 110, 1, 2)], [93, 107], 700, -300,
    ),
    "broken-wing butterfly": (
        [leg("call", 90, 1, 11), leg("call", 95, -2, 8), leg("call", 105, 1, 4)], [101], 600, -400,
    ),
    "call ratio spread": ([leg("call", 100, 1, 4), leg("call", 110, -2, 1.5)], [101, 119], 900, -inf),
    "call back spread": ([leg("call", 100, -1, 4), leg("call", 110, 2, 1.5)], [101, 119], inf, -900),
    "jade lizard": (
        [leg("put", 90, -1, 2), leg("call", 110, -1, 2), leg("call", 115, 1, 0.5)], [86.5, 113.5], 350, -8650,
    ),
    "jade lizard whose credit covers its spread": (
        [leg("put", 90, -1, 4), leg("call", 110, -1, 2), leg("call", 115, 1, 0.5)], [84.5], 550, -8450,
    ),
    "synthetic long": ([leg("put", 100, -1, 4), leg("call", 100, 1, 5)], [101], inf, -10100),
    "strap": ([leg("put", 100, 1, 4), leg("call", 100, 2, 5)], [86, 107], inf, -1400),
    "shares": ([leg("share", quantity=-50, price=100)], [100], 5000, -inf),
}  # fmt: skip


@pytest.mark.parametrize("name", HAND_WORKED)
def test_textbook_positions_have_their_textbook_figures(name):
    legs, zeros, most, least = HAND_WORKED[name]
    found = extremes(position(*legs))
    assert (found.max_profit, found.max_loss) == (approx(most), approx(least))
    assert not found.modelled
    assert_allclose(break_evens(position(*legs))["spot"], zeros, rtol=1e-14)


def test_the_condor_of_the_look_book_has_the_figures_of_its_picture():
    """AAPL at 645.57 on 6 June 2014, ten lots: 7,200 credit, 12,800 at risk, 58 %, 12 shares."""
    quotes = [
        ("put", 595, 10, 3.70, 3.80, 0.229), ("put", 615, -10, 7.55, 7.75, 0.223),
        ("call", 680, -10, 7.55, 7.75, 0.224), ("call", 700, 10, 4.30, 4.40, 0.232),
    ]  # fmt: skip
    legs = position(
        *(
            leg(kind, strike, lots, (bid + ask) / 2, years=43 / 365, volatility=volatility, bid=bid, ask=ask)
            | {"spot": 645.57, "rate": 0.003, "dividend_yield": 0.0}
            for kind, strike, lots, bid, ask, volatility in quotes
        )
    )
    found = payoff_summary(legs)
    assert (found.net_cash, found.net_cash_mid, found.net_cash_worst) == approx((7200, 7200, 6900))
    assert (found.max_profit, found.max_loss, found.capital) == approx((7200, -12800, 12800))
    assert found.max_profit_at == ((615.0, 680.0),)
    assert found.max_loss_at == ((0.0, 595.0), (700.0, inf))
    assert found.break_evens == approx((607.80, 687.20))
    assert found.chance_of_profit == approx(0.58, abs=0.005)
    assert found.delta == approx(12, abs=0.5)
    assert found.return_on_capital == approx(7200 / 12800)


legs_of_any_kind = st.lists(
    st.builds(
        leg,
        st.sampled_from(["call", "put", "share"]),
        st.integers(60, 140).map(float),
        st.integers(-5, 5).filter(bool).map(float),
        st.integers(0, 4000).map(lambda cents: cents / 100),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(legs_of_any_kind)
def test_profit_is_the_sum_of_the_legs_by_hand(legs):
    frame = position(*legs)
    spots = np.linspace(0, 250, 51)
    together = profit_at_expiry(frame, spots)["profit"]
    assert_allclose(together, by_hand(legs, spots), atol=1e-8)
    apart = sum(profit_at_expiry(position(one), spots)["profit"] for one in legs)
    assert_allclose(together, apart, atol=1e-8)


@settings(deadline=None)
@given(legs_of_any_kind)
def test_break_evens_are_all_zeros_and_nothing_else_is(legs):
    frame = position(*legs)
    zeros = break_evens(frame)
    for row in zeros.itertuples():
        assert by_hand(legs, row.spot) == approx(0, abs=1e-7)
        if row.crossing == "flat":
            end = min(row.to_spot, 1e4)
            assert by_hand(legs, (row.spot + end) / 2) == approx(0, abs=1e-7)
        elif row.crossing in ("up", "down"):
            step = 1e-4
            signs = by_hand(legs, row.spot - step), by_hand(legs, row.spot + step)
            assert signs[0] < 0 < signs[1] if row.crossing == "up" else signs[0] > 0 > signs[1]
    # Between two zeros the sign stays: a dense walk finds no other change.
    edges = np.concatenate([[0.0], zeros["spot"], zeros["to_spot"].replace(inf, 1e6), [1e5]])
    for low, high in zip(np.unique(edges), np.unique(edges)[1:], strict=False):
        inside = by_hand(legs, np.linspace(low, high, 41)[1:-1])
        assert inside.min() >= -1e-7 or inside.max() <= 1e-7


@settings(deadline=None)
@given(legs_of_any_kind)
def test_extremes_bound_every_spot_and_are_reached(legs):
    frame = position(*legs)
    found = extremes(frame)
    walk = by_hand(legs, np.linspace(0, 1000, 2001))
    assert walk.max() <= found.max_profit + 1e-7
    assert walk.min() >= found.max_loss - 1e-7
    for value, places in ((found.max_profit, found.max_profit_at), (found.max_loss, found.max_loss_at)):
        for low, high in places:
            if abs(value) == inf:
                assert (low, high) == (inf, inf)
            else:
                assert by_hand(legs, low) == approx(value, abs=1e-6)
                assert by_hand(legs, min(high, 1e4)) == approx(value, abs=1e-6)


def test_flat_stretches_and_touches_of_zero_are_told_apart():
    free = position(leg("put", 95, -1, 2), leg("call", 105, 1, 2))
    assert break_evens(free)[["spot", "to_spot", "crossing"]].values.tolist() == [
        [95.0, 95.0, "up"], [95.0, 105.0, "flat"],
    ][1:]  # fmt: skip
    touching = position(leg("put", 100, 1, 5), leg("call", 100, 1, 5), leg("share", quantity=0, price=0))
    touching.loc[0:1, "price"] = 0.0
    assert break_evens(touching)[["spot", "crossing"]].values.tolist() == [[100.0, "touch"]]
    for_ever = position(leg("call", 100, 1, 4), leg("call", 100, -1, 4))
    zeros = break_evens(for_ever)
    assert zeros[["spot", "to_spot", "crossing"]].values.tolist() == [[0.0, inf, "flat"]]
    assert payoff_summary(for_ever).chance_of_profit == 0


def test_a_box_whose_cents_do_not_add_up_in_binary_still_pays_a_constant():
    box = position(
        leg("call", 100, 1, 5.10), leg("put", 100, -1, 4.30), leg("call", 110, -1, 1.20),
        leg("put", 110, 1, 10.40),
    )  # fmt: skip
    found = extremes(box)
    assert (found.max_profit, found.max_loss) == (approx(0, abs=1e-9), approx(0, abs=1e-9))
    assert break_evens(box)[["spot", "to_spot", "crossing"]].values.tolist() == [[0.0, inf, "flat"]]


def test_the_grid_over_dates_and_volatilities_agrees_with_quantlib():
    legs = position(
        leg("put", 90, -2, 1.5, volatility=0.3), leg("call", 105, 3, 2, volatility=0.22),
        leg("share", quantity=-150, price=101),
    )  # fmt: skip
    spots, days, shifts = [80, 100, 123.5], [0, 30, 91], [-0.05, 0, 0.10]
    grid = profit_grid(legs, spots=spots, days=days, volatility_shifts=shifts)
    assert grid.columns.tolist() == ["days", "volatility_shift", "spot", "profit", "modelled"]
    assert len(grid) == 27
    for row in grid.itertuples():
        years = max(0.25 - row.days / 365, 0.0)
        expected = sum(
            one.quantity
            * one.multiplier
            * (
                quantlib_value(one, row.spot, years, (one.volatility or 0) + row.volatility_shift)
                if years > 1e-3
                else by_hand([one._asdict() | {"quantity": 1, "multiplier": 1, "price": 0}], row.spot)
            )
            - one.quantity * one.multiplier * one.price
            for one in legs.itertuples()
        )
        if row.days != 91:
            assert row.profit == approx(expected, abs=1e-7)
            assert row.modelled
    # Day 91 is the last one of a quarter of 91.25 days.
    last = profit_grid(legs, spots=spots, days=[91.25])
    assert_allclose(last["profit"], profit_at_expiry(legs, spots)["profit"], atol=1e-9)
    assert not last["modelled"].any()


def test_a_calendar_at_the_first_expiry_is_worth_its_later_leg_by_the_model():
    calendar = position(
        leg("call", 100, -1, 4, years=0.1), leg("call", 100, 1, 6, years=0.35, volatility=0.24)
    )
    spots = [70.0, 90.0, 100.0, 112.0]
    found = profit_at_expiry(calendar, spots, volatility_shift=0.02)
    assert found["modelled"].all()
    later = list(calendar.itertuples())[1]
    for spot, profit in zip(spots, found["profit"], strict=True):
        expected = 100 * (quantlib_value(later, spot, 0.25, 0.26) - 6 - max(spot - 100, 0) + 4)
        assert profit == approx(expected, abs=1e-8)


def test_a_calendar_breaks_even_and_peaks_where_a_dense_walk_says():
    calendar = position(leg("put", 100, -1, 4, years=0.1), leg("put", 100, 1, 6, years=0.35, volatility=0.24))
    zeros, found = break_evens(calendar), extremes(calendar)
    assert zeros["modelled"].all()
    assert zeros["crossing"].tolist() == ["up", "down"]
    assert_allclose(profit_at_expiry(calendar, zeros["spot"])["profit"], 0, atol=1e-8)
    walk = profit_at_expiry(calendar, np.linspace(*found.searched, 20001))["profit"]
    assert found.max_profit >= walk.max() - 1e-9
    assert found.max_profit == approx(profit_at_expiry(calendar, [100.0])["profit"][0])
    assert found.max_profit_at == ((100.0, 100.0),)
    assert found.max_loss == approx(walk.min(), abs=1e-2)
    assert found.max_loss <= walk.min() + 1e-9


def test_a_smooth_peak_between_strikes_is_located():
    """A diagonal peaks away from the later strike; its slope there is that of the model."""
    diagonal = position(leg("share", quantity=-60, price=100), leg("call", 95, 1, 9, years=0.5),
                        leg("put", 60, 1, 0.1, years=0.1))  # fmt: skip
    found = extremes(diagonal)
    walk_spots = np.linspace(60, 160, 200_001)
    walk = profit_at_expiry(diagonal, walk_spots)["profit"].to_numpy()
    assert found.max_profit == inf
    assert found.max_loss == approx(walk.min(), abs=1e-6)
    assert found.max_loss_at[0][0] == approx(walk_spots[walk.argmin()], abs=2e-3)


def test_calls_sold_beyond_those_held_lose_without_bound_also_across_expiries():
    ratio = position(leg("call", 100, 1, 5, years=0.4), leg("call", 110, -2, 2, years=0.1))
    assert extremes(ratio).max_loss == -inf
    assert (
        extremes(position(leg("call", 110, -1, 2, years=0.1), leg("call", 100, 2, 5, years=0.4))).max_profit
        == inf
    )


def test_capital_is_the_worst_loss_the_outlay_or_a_stated_estimate():
    spread = position(leg("put", 90, 1, 1), leg("put", 100, -1, 3.5))
    assert capital_needed(spread).amount == approx(750)
    assert capital_needed(spread, convention="reg_t").amount == approx(750)
    secured = position(leg("put", 95, -1, 3))
    assert capital_needed(secured).amount == approx(9200)
    held = position(leg("share", quantity=100, price=100), leg("put", 95, 1, 3))
    assert capital_needed(held).amount == approx(10300)
    naked = position(leg("call", 105, -2, 2))
    found = capital_needed(naked)
    # 20 % of spot less 5 out of the money, for 200 shares; the premium stays aside for the option's value.
    assert found.amount == approx(200 * 15)
    assert (found.convention, found.is_estimate) == ("reg_t", True)
    assert capital_needed(naked, convention="worst_loss").amount == inf
    far = position(leg("call", 130, -1, 0.2))
    assert capital_needed(far).amount == approx(100 * 10)
    strangle = position(leg("put", 85, -1, 1), leg("call", 110, -1, 1))
    assert capital_needed(strangle).amount == approx(max(100 * 10, 100 * 8.5))
    covered = position(leg("share", quantity=100, price=100), leg("call", 110, -1, 2))
    assert capital_needed(covered, convention="reg_t").amount == approx(9800)
    ratio = position(leg("call", 100, 1, 4), leg("call", 110, -2, 1.5))
    # One short is covered by the long, the other asks for 20 % less 10; the debit of the pair is paid.
    assert capital_needed(ratio).amount == approx(100 * 10 + 400 - 150)


def test_greeks_of_the_position_are_those_of_its_legs():
    legs = position(
        leg("put", 90, -2, 1.5, volatility=0.3),
        leg("call", 105, 3, 2),
        leg("share", quantity=-150, price=101),
    )
    found = payoff_summary(legs)
    total = dict.fromkeys(("value", "delta", "gamma", "vega", "theta", "rho"), 0.0)
    for one in legs.itertuples():
        size = one.quantity * one.multiplier
        if one.kind == "share":
            total["value"] += size * SPOT
            total["delta"] += size
            continue
        payoff = QuantLib.PlainVanillaPayoff(
            QuantLib.Option.Call if one.kind == "call" else QuantLib.Option.Put, one.strike
        )
        peer = QuantLib.BlackCalculator(
            payoff, SPOT * exp(0.02 * 0.25), one.volatility * 0.5, exp(-0.03 * 0.25)
        )
        for name, value in (
            ("value", peer.value()), ("delta", peer.delta(SPOT)), ("gamma", peer.gamma(SPOT)),
            ("vega", peer.vega(0.25)), ("theta", peer.theta(SPOT, 0.25)), ("rho", peer.rho(0.25)),
        ):  # fmt: skip
            total[name] += size * value
    assert found.value == approx(total["value"])
    assert found.delta == approx(total["delta"])
    assert found.gamma == approx(total["gamma"])
    assert found.vega_point == approx(total["vega"] / 100)
    assert found.theta_day == approx(total["theta"] / 365)
    assert found.rho_point == approx(total["rho"] / 100)
    assert found.profit_now == approx(total["value"] - (-300 + 600 - 15150))


def test_a_summary_shows_every_figure_with_its_unit():
    found = payoff_summary(position(leg("put", 100, 1, 4), leg("call", 100, 1, 5)))
    table = found.table()
    assert table.columns.tolist() == ["figure", "value", "unit"]
    assert set(SUMMARY_UNITS) <= set(table["figure"])
    assert table["figure"].tolist()[-2:] == ["break_even_1", "break_even_2"]
    assert found.max_profit == inf
    assert isnan(found.return_on_capital)
    assert isnan(found.net_cash_mid)


def test_the_chance_of_profit_is_that_of_the_stretches_that_pay():
    straddle = position(leg("put", 100, 1, 4), leg("call", 100, 1, 5))
    law = NormalDist(log(SPOT) + (0.02 - 0.25**2 / 2) * 0.25, 0.25 * 0.5)
    expected = law.cdf(log(91)) + 1 - law.cdf(log(109))
    assert payoff_summary(straddle).chance_of_profit == approx(expected, abs=1e-12)


def test_a_summary_asks_for_nothing_that_only_a_model_needs_at_expiry():
    bare = position(leg("call", 100, 1, 4)).drop(columns=["volatility", "rate", "dividend_yield", "exercise"])
    assert break_evens(bare)["spot"].tolist() == [104.0]
    found = payoff_summary(bare)
    assert isnan(found.delta)
    assert isnan(found.chance_of_profit)
    assert found.chance_basis == "none: no volatility"
    with pytest.raises(PricingInputError, match="`volatility` of leg in row 0 is missing"):
        profit_grid(bare, days=[0])


def test_spots_to_draw_over_hold_every_strike_and_the_spot():
    legs = position(leg("put", 63, 1, 0.2), leg("call", 105, 1, 2))
    spots = spot_grid(legs, points=50)
    assert {63.0, 105.0, 100.0} <= set(spots)
    assert (np.diff(spots) > 0).all()
    assert spots[0] > 0
    assert spots[0] < 63 and spots[-1] > 100 * exp(3 * 0.25 * 0.5) * 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "future"}, "`kind` is 'future' in row 0; give share, call or put"),
        ({"quantity": np.nan}, "`quantity` of leg in row 0 is missing"),
        ({"price": np.nan}, "`price` of leg in row 0 is missing; give what was paid per share"),
        ({"strike": -5.0}, "`strike` is -5 in row 0"),
        ({"years": np.nan}, "`years` of leg in row 0 is missing"),
        ({"exercise": "bermudan"}, "`exercise` is 'bermudan' in row 0; give european or american"),
    ],
)
def test_a_leg_that_cannot_be_read_is_named_with_the_remedy(change, message):
    with pytest.raises(PricingInputError, match=message):
        break_evens(position(leg("call", 100, 1, 4) | change))


def test_positions_that_have_no_one_axis_or_no_legs_are_refused():
    two = position(leg("call", 100, 1, 4), leg("call", 100, 1, 4, underlying="ABC"))
    with pytest.raises(PricingInputError, match="more than one `underlying`: XYZ and ABC"):
        extremes(two)
    with pytest.raises(PricingInputError, match="There are no legs"):
        extremes(position(leg("call", 100, 1, 4)).iloc[:0])
    with pytest.raises(PricingInputError, match="no column `price`"):
        extremes(position(leg("call", 100, 1, 4)).drop(columns="price"))
    with pytest.raises(PricingInputError, match="`model` is 'tree'"):
        extremes(position(leg("call", 100, 1, 4)), model="tree")


def test_days_after_the_first_expiry_are_refused():
    calendar = position(leg("call", 100, -1, 4, years=0.1), leg("call", 100, 1, 6, years=0.35))
    with pytest.raises(PricingInputError, match=r"`days` is 60, and the first leg expires in 36\.5 days"):
        profit_grid(calendar, days=[0, 60])
    assert profit_grid(calendar, days=[37], spots=[100])["modelled"].all()


@settings(max_examples=30, deadline=None)
@given(st.floats(50, 150), st.floats(0.02, 1.0), st.floats(0.1, 0.6))
def test_before_expiry_profit_adds_up_too(strike, years, volatility):
    one = leg("call", strike, 2, 3, years=years, volatility=volatility)
    other = leg("put", 100, -1, 2, years=years, volatility=0.3)
    spots = [60.0, 100.0, 150.0]
    both, first, second = (
        profit_grid(position(*legs), spots=spots, days=[0], volatility_shifts=[0, 0.03])["profit"]
        for legs in ([one, other], [one], [other])
    )
    assert_allclose(both, first + second, atol=1e-8)


def american_value(row, spot, days):
    """One American leg by QuantLib's integral method, whole days from its end."""
    today = QuantLib.Date(2, 1, 2020)
    QuantLib.Settings.instance().evaluationDate = today
    count = QuantLib.Actual365Fixed()
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot)),
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, row.dividend_yield, count)),
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, row.rate, count)),
        QuantLib.BlackVolTermStructureHandle(
            QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), row.volatility, count)
        ),
    )
    kind = QuantLib.Option.Call if row.kind == "call" else QuantLib.Option.Put
    exercise = QuantLib.AmericanExercise(today, today + days)
    option = QuantLib.VanillaOption(QuantLib.PlainVanillaPayoff(kind, row.strike), exercise)
    option.setPricingEngine(QuantLib.QdFpAmericanEngine(process))
    return option.NPV()


def test_american_legs_keep_their_early_exercise_before_expiry():
    legs = position(
        leg("put", 110, 1, 12, years=180 / 365, exercise="american", rate=0.06),
        leg("put", 90, -1, 2, years=180 / 365, exercise="american", rate=0.06),
    )
    grid = profit_grid(legs, spots=[75, 95, 120], days=[0, 60])
    for row in grid.itertuples():
        worth = sum(
            one.quantity * (american_value(one, row.spot, int(180 - row.days)) - one.price)
            for one in legs.itertuples()
        )
        # The fast scheme keeps 1e-4 of strike.
        assert row.profit == approx(100 * worth, abs=100 * 2e-4 * 110)
    european = profit_grid(legs, spots=[75], days=[0], model="black_scholes")["profit"][0]
    assert grid["profit"][0] > european + 50
    forced = profit_grid(legs.assign(exercise="european"), spots=[75], days=[0], model="american")
    assert forced["profit"][0] == approx(grid["profit"][0], abs=1e-9)


def test_an_american_calendar_cannot_lose_more_than_it_cost():
    """By the European model carry eats a deep calendar; the right to exercise keeps it above zero."""
    calendar = position(
        leg("call", 100, -1, 3, years=0.1, exercise="american", dividend_yield=0.08),
        leg("call", 100, 1, 5, years=0.5, exercise="american", dividend_yield=0.08),
    )
    assert extremes(calendar).max_loss == approx(-200, abs=0.05)
    assert extremes(calendar, model="black_scholes").max_loss < -300


def test_greeks_of_american_legs_are_slopes_of_quantlib_prices():
    legs = position(
        leg("put", 110, 2, 12, years=180 / 365, exercise="american", rate=0.06),
        leg("call", 105, -1, 2, years=180 / 365, rate=0.06),
        leg("share", quantity=40, price=100),
    )
    found = payoff_summary(legs)
    put, call, _ = legs.itertuples()

    def worth(spot=SPOT, days=180, bump=0.0):
        american = american_value(put._replace(volatility=put.volatility + bump), spot, days)
        european = quantlib_value(call, spot, days / 365, call.volatility + bump)
        return 200 * american - 100 * european + 40 * spot

    up, now, down = worth(100.5), worth(), worth(99.5)
    assert found.value == approx(now, abs=0.02)
    assert found.delta == approx(up - down, abs=0.02)
    assert found.gamma == approx((up - 2 * now + down) / 0.25, abs=0.05)
    assert found.vega_point == approx((worth(bump=0.001) - worth(bump=-0.001)) / 0.2, rel=2e-3)
    assert found.theta_day == approx((worth(days=179) - worth(days=181)) / 2, rel=5e-3)
