from math import nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import PricingInputError
from workbench.pricing import QUOTE_CODES, black_scholes_price, quote_bounds

FEBRUARY, MARCH, JUNE = (pd.Timestamp(f"2020-{month:02d}-20") for month in (2, 3, 6))


def quotes(*rows, exercise="american", spot=100.0, expiry=MARCH, years=0.25, **more):
    """Rows of (right, strike, bid, ask)."""
    frame = pd.DataFrame(list(rows), columns=["right", "strike", "bid", "ask"])
    frame = frame.astype({"strike": float, "bid": float, "ask": float})
    return frame.assign(exercise=exercise, spot=spot, expiry=expiry, years=years, **more)


def codes(frame, **more):
    return quote_bounds(frame, **more)["codes"].to_list()


def clean_chain(
    exercise="european", rate=0.03, dividend_yield=0.01, spread=0.02, skew=-0.1, american_flag=None
):
    """Prices of one surface without arbitrage: total variance rises with time at every strike."""
    rows = []
    for expiry, years in ((FEBRUARY, 0.1), (MARCH, 0.2), (JUNE, 0.5)):
        for strike in np.arange(80.0, 121.0, 5.0):
            for right in "CP":
                price = float(
                    black_scholes_price(
                        100, strike, years, 0.3 + skew * np.log(strike / 100), rate=rate,
                        dividend_yield=dividend_yield, is_call=right == "C",
                    )
                )  # fmt: skip
                rows.append((right, strike, max(price - spread, 0.0), price + spread, expiry, years))
    frame = pd.DataFrame(rows, columns=["right", "strike", "bid", "ask", "expiry", "years"])
    return frame.assign(exercise=exercise, spot=100.0, rate=rate, dividend_yield=dividend_yield)


def test_each_one_sided_quote_says_so():
    frame = quotes(
        ("C", 100, nan, 5), ("C", 105, 2, nan), ("C", 110, 0, 0), ("C", 115, 1.2, 1.1), ("P", 90, 0, 1)
    )
    found = quote_bounds(frame)
    assert found["codes"].to_list() == ["no_bid", "no_ask", "zero", "crossed", "no_bid"]
    assert found["reason"].to_list() == [
        "nobody bids", "nobody offers", "bid and ask are both zero", "the bid 1.2 is above the ask 1.1",
        "nobody bids",
    ]  # fmt: skip
    assert found["arbitrage"].to_list() == [False, False, False, True, False]
    assert found.columns.to_list() == ["codes", "reason", "arbitrage"]


def test_an_american_ask_below_exercise_value_is_an_arbitrage_and_a_middle_is_not():
    frame = quotes(("C", 90, 9, 9.9), ("P", 120, 19, 20.5), ("P", 110, 10, 11))
    found = quote_bounds(frame)
    assert found["codes"].to_list() == ["below_intrinsic", "mid_below_intrinsic", ""]
    assert found["arbitrage"].to_list() == [True, False, False]
    assert found["reason"][0] == "the ask 9.9 is below the exercise value 10"


def test_a_european_option_is_held_to_its_discounted_forward():
    common = {"exercise": "european", "years": 1.0, "rate": 0.10, "dividend_yield": 0.0}
    # 100 - 90 exp(-0.1) = 18.5646, though exercise would pay 10; a put of 120 may be under 20.
    assert codes(quotes(("C", 90, 17, 18), **common)) == ["below_intrinsic"]
    assert codes(quotes(("C", 90, 18, 19), **common)) == ["mid_below_intrinsic"]
    assert codes(quotes(("P", 120, 9, 9.5), **common)) == [""]
    assert codes(quotes(("P", 120, 8, 8.5), **common)) == ["below_intrinsic"]


def test_nothing_is_worth_more_than_it_can_pay():
    assert codes(quotes(("C", 50, 100.5, 101), ("P", 90, 91, 92)))[0] == "above_bound"
    assert codes(quotes(("P", 90, 91, 92))) == ["above_bound"]
    european = quotes(("P", 90, 89.5, 90), exercise="european", years=1.0, rate=0.05, dividend_yield=0.0)
    assert codes(european) == ["above_bound"]


def test_the_better_strike_may_not_be_cheaper():
    found = quote_bounds(quotes(("C", 100, 4, 4.2), ("C", 105, 4.3, 4.5), ("C", 110, 1, 1.2)))
    assert found["codes"].to_list() == ["vertical", "vertical,butterfly", ""]
    assert found["reason"][0] == "the call is asked at 4.2 against 4.3 bid at 105"
    assert "the call is bid at 4.3, and the better option at 100 is asked at 4.2" in found["reason"][1]
    puts = quote_bounds(quotes(("P", 95, 3, 3.2), ("P", 100, 2.6, 2.8)))
    assert puts["codes"].to_list() == ["vertical", "vertical"]
    # The middles are as wrong, but nobody can trade at them.
    assert codes(quotes(("C", 100, 4, 4.4), ("C", 105, 4.3, 4.7))) == ["", ""]


def test_a_spread_may_not_cost_more_than_it_can_pay():
    assert codes(quotes(("C", 100, 8, 8.2), ("C", 105, 2.7, 2.9))) == ["vertical", "vertical"]
    assert codes(quotes(("C", 100, 7.8, 8.2), ("C", 105, 2.7, 2.9))) == ["", ""]
    european = {"exercise": "european", "years": 2.0, "rate": 0.05, "dividend_yield": 0.0}
    # The five dollars come after two years: 4.52 today.
    assert codes(quotes(("P", 80, 2, 2.1), ("P", 85, 6.8, 7), **european)) == ["vertical", "vertical"]
    assert codes(quotes(("P", 80, 2, 2.1), ("P", 85, 6.5, 7), **european)) == ["", ""]


def test_the_middle_of_three_strikes_may_not_be_bid_above_its_wings():
    found = quote_bounds(quotes(("C", 95, 7, 7.2), ("C", 100, 5.3, 5.5), ("C", 110, 1.2, 1.4)))
    # Two thirds of 7.2 and one third of 1.4.
    assert found["codes"].to_list() == ["", "butterfly", ""]
    assert found["reason"][1] == "the bid 5.3 is above 5.26667, what the wings at 95 and 110 cost"
    assert codes(quotes(("C", 95, 7, 7.2), ("C", 100, 5.2, 5.5), ("C", 110, 1.2, 1.4))) == ["", "", ""]


def test_a_later_american_option_may_not_be_cheaper():
    frame = pd.concat(
        [
            quotes(("P", 100, 5, 5.2), expiry=MARCH, years=0.2),
            quotes(("P", 100, 4.6, 4.8), expiry=JUNE, years=0.5),
        ],
        ignore_index=True,
    )  # fmt: skip
    found = quote_bounds(frame)
    assert found["codes"].to_list() == ["calendar", "calendar"]
    assert found["reason"][0] == "the put is bid at 5, and that of 20 Jun 2020 is asked at 4.8"
    assert found["reason"][1] == "the put is asked at 4.8 against 5 bid for 20 Mar 2020"


def test_a_later_european_option_may_be_cheaper_by_what_carry_explains():
    """A deep put loses interest with time: its discounted strike shrinks."""
    terms = {"exercise": "european", "rate": 0.05, "dividend_yield": 0.0}
    frame = pd.concat(
        [
            quotes(("P", 150, 48.1, 48.3), expiry=MARCH, years=0.25, **terms),
            quotes(("P", 150, 46.2, 46.4), expiry=JUNE, years=0.5, **terms),
        ]
    )
    assert set(codes(frame)) == {""}
    frame.iloc[1, frame.columns.get_indexer(["bid", "ask"])] = [45.8, 46.0]
    # 150 (exp(-0.0125) - exp(-0.025)) = 1.84 is all that carry explains of the 2.1.
    assert all("calendar" in code for code in codes(frame))


def test_parity_binds_european_pairs_on_both_sides():
    terms = {"exercise": "european", "years": 0.5, "rate": 0.04, "dividend_yield": 0.01}
    # Worth of call less put at 100: 100 (exp(-0.005) - exp(-0.02)) = 1.4814.
    dear = quotes(("C", 100, 8.6, 8.7), ("P", 100, 6.9, 7.0), **terms)
    assert codes(dear) == ["parity", "parity"]
    assert quote_bounds(dear)["reason"][0] == "call less put can be sold for 1.6, above 1.48138"
    cheap = quotes(("C", 100, 8.2, 8.3), ("P", 100, 6.9, 7.0), **terms)
    assert codes(cheap) == ["parity", "parity"]
    fair = quotes(("C", 100, 8.3, 8.5), ("P", 100, 6.9, 7.0), **terms)
    assert codes(fair) == ["", ""]
    assert codes(dear, forward_error=0.2) == ["", ""]
    assert codes(dear, forward_error=[0.2, 0.2]) == ["", ""]
    assert codes(dear, forward_error=[0.1, 0.1]) == ["parity", "parity"]


def test_parity_leaves_american_pairs_the_room_that_exercise_needs():
    terms = {"exercise": "american", "years": 1.0, "rate": 0.05, "dividend_yield": 0.03}
    # Between 100 exp(-0.03) - 100 = -2.96 and 100 - 100 exp(-0.05) = 4.88.
    assert codes(quotes(("C", 100, 10, 10.2), ("P", 100, 5.4, 5.6), **terms)) == ["", ""]
    assert codes(quotes(("C", 100, 10.6, 10.8), ("P", 100, 5.4, 5.6), **terms)) == ["parity", "parity"]
    assert codes(quotes(("C", 100, 6, 6.2), ("P", 100, 9.0, 9.2), **terms)) == ["", ""]
    assert codes(quotes(("C", 100, 6, 6.2), ("P", 100, 9.3, 9.5), **terms)) == ["parity", "parity"]


@pytest.mark.parametrize("exercise", ["european", "american"])
@pytest.mark.parametrize(
    ("rate", "dividend_yield"), [(0.03, 0.01), (0.0, 0.0), (0.08, 0.0), (0.01, 0.06), (-0.01, 0.0)]
)
def test_a_chain_of_one_surface_holds_no_arbitrage(exercise, rate, dividend_yield):
    """Black-Scholes prices of one smile; as American ones only where they are not below exercise value."""
    frame = clean_chain(exercise, rate, dividend_yield)
    if exercise == "american":
        sign = np.where(frame["right"] == "C", 1, -1)
        worth = np.maximum(sign * (100 - frame["strike"]), 0)
        frame = frame[(frame["bid"] + frame["ask"]) / 2 > worth + 0.05]
        # A European option may lose with time; an American one may not.
        found = quote_bounds(frame.drop(columns=["rate", "dividend_yield"]))
        assert not found["codes"].str.contains("vertical|butterfly|intrinsic|bound").any()
    else:
        found = quote_bounds(frame)
        assert set(found["codes"]) <= {"", "no_bid"}, found[found["arbitrage"]]


def brute_force(frame):
    """All two- and three-legged trades of one expiry and right, one at a time: does any lock in money?"""
    rows = list(frame.itertuples())
    for sold in rows:
        for bought in rows:
            credit = sold.bid - bought.ask
            better = bought.strike < sold.strike if sold.right == "C" else bought.strike > sold.strike
            worst = 0.0 if better else abs(sold.strike - bought.strike)
            if sold.strike != bought.strike and credit > worst + 1e-6:
                return True
            for other in rows:
                if bought.strike < sold.strike < other.strike:
                    share = (other.strike - sold.strike) / (other.strike - bought.strike)
                    if sold.bid > share * bought.ask + (1 - share) * other.ask + 1e-6:
                        return True
    return False


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from("CP"),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), min_size=5, max_size=5),
)
def test_verticals_and_butterflies_are_found_where_trying_every_trade_finds_them(right, moves):
    strikes = np.array([90.0, 95.0, 100.0, 107.5, 110.0])
    base = black_scholes_price(100, strikes, 0.25, 0.3, is_call=right == "C")
    rows = [
        (right, strike, price + move / 100, price + move / 100 + width / 100 + 0.01)
        for strike, price, (move, width) in zip(strikes, base, moves, strict=True)
    ]
    frame = quotes(*rows)
    found = quote_bounds(frame)["codes"].str.contains("vertical|butterfly").any()
    assert found == brute_force(frame)


def test_rows_keep_their_index_and_every_code_is_explained():
    frame = clean_chain().sample(frac=1, random_state=3)
    frame.index = [f"row {place}" for place in range(len(frame))]
    found = quote_bounds(frame)
    assert found.index.equals(frame.index)
    used = {code for text in found["codes"] for code in text.split(",") if code}
    assert used <= set(QUOTE_CODES)


def test_without_rates_only_what_needs_none_is_checked():
    bare = clean_chain().drop(columns=["rate", "dividend_yield"])
    assert set(quote_bounds(bare)["codes"]) <= {"", "no_bid"}
    assert len(quote_bounds(bare.iloc[:0])) == 0


def test_a_chain_that_cannot_be_read_is_refused():
    with pytest.raises(PricingInputError, match="no column `spot`"):
        quote_bounds(clean_chain().drop(columns="spot"))
    with pytest.raises(PricingInputError, match="`right` is 'call' in row 0; give 'C' or 'P'"):
        quote_bounds(clean_chain().assign(right="call"))
    with pytest.raises(PricingInputError, match="`forward_error` is -1"):
        quote_bounds(clean_chain(), forward_error=-1)
    with pytest.raises(PricingInputError, match="`forward_error` has 1 values for"):
        quote_bounds(clean_chain(), forward_error=[0.1])
