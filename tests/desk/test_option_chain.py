"""A chain on the desk: the last session alone, our figures beside the vendor's, a reason for every gap.

The quotes are modelled from known volatilities, rates and dividends, so that what comes back can be compared.
"""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from numpy.testing import assert_allclose

from workbench import Desk
from workbench.errors import MissingDataError, UnknownSymbolError
from workbench.market import session_close
from workbench.pricing import black_scholes_greeks, black_scholes_price

CLOSE = session_close("XNYS", "2021-09-16")
RATE, YIELD = 0.031, 0.012
# Root, expiry and days from that close to the settlement; winter time gives an hour more.
FRIDAY_MORNING = ("SPX", "2021-09-17", 17.5 / 24)
FRIDAY_EVENING = ("SPXW", "2021-09-17", 1.0)
YEAR_END = ("SPXW", "2021-12-31", 106 + 1 / 24)


def smile(strike, spot):
    """Give a volatility that slopes and bends as an index's does."""
    z = np.log(np.asarray(strike) / spot)
    return 0.20 - 0.15 * z + 0.3 * z * z


def quotes(
    underlying="SPX",
    *,
    day="2021-09-16",
    expiries=(FRIDAY_MORNING, FRIDAY_EVENING, YEAR_END),
    spot=4450.0,
    strikes=range(3600, 5301, 50),
    half_spread=0.0,
    exercise="european",
):  # fmt: skip
    """Return a modelled chain as a file would have it: root, expiry, days to settlement, spot."""
    rows = []
    for root, expiry, days in expiries:
        strike = np.repeat(np.asarray(strikes, dtype=float), 2)
        is_call = np.tile([True, False], len(strike) // 2)
        volatility = smile(strike, spot)
        price = black_scholes_price(
            spot, strike, days / 365, volatility, rate=RATE, dividend_yield=YIELD, is_call=is_call
        )
        rows.append(
            pd.DataFrame(
                {
                    "underlying": underlying,
                    "root": root,
                    "quote_date": day,
                    "expiration": expiry,
                    "strike": strike,
                    "option_type": np.where(is_call, "C", "P"),
                    "bid": price - half_spread,
                    "ask": price + half_spread,
                    "underlying_close": spot,
                    "exercise": exercise,
                    "modelled": True,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def index_desk(desk):
    desk.load(quotes(), kind="chain", source="modelled for a test")
    return desk


def only(chain, strike, right="C", root=None):
    rows = chain[chain["strike"].eq(strike) & chain["right"].eq(right)]
    if root:
        rows = rows[rows["root"].eq(root)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_volatility_and_forward_come_back_from_the_quotes(index_desk):
    """Neither rate nor dividend nor volatility was told; the quotes tell all three."""
    chain = index_desk.chain("SPX", "2021-09-16", expiry="2021-12-31")
    assert chain["status"].eq("ok").all()
    assert_allclose(chain["rate"], RATE, atol=2e-6)
    assert_allclose(chain["dividend_yield"], YIELD, atol=2e-6)
    years = (106 + 1 / 24) / 365
    assert_allclose(chain["years"], years, rtol=1e-12)
    assert_allclose(chain["forward"], 4450 * np.exp((RATE - YIELD) * years), rtol=1e-8)
    near = chain[chain["strike"].between(4000, 5000)]
    assert_allclose(near["implied_volatility"], smile(near["strike"], 4450), atol=1e-6)


def test_two_roots_of_one_day_are_kept_apart(index_desk):
    """SPX settles at Friday's open, SPXW at its close: 17.5 hours and a day from Thursday's close."""
    chain = index_desk.chain("SPX", "2021-09-16", expiry="2021-09-17")
    assert_allclose(chain.groupby("root")["years"].first() * 365 * 24, [17.5, 24], rtol=1e-12)
    assert chain.groupby("root")["settlement"].first().to_dict() == {"SPX": "AM", "SPXW": "PM"}
    for root in ("SPX", "SPXW"):
        assert only(chain, 4450, root=root)["implied_volatility"] == pytest.approx(0.20, abs=1e-5)
    lines = index_desk.expiries("SPX", "2021-09-16")
    assert lines["settlement"].tolist() == ["AM", "PM", "PM"]
    assert lines["quotes"].tolist() == [70, 70, 70]
    assert_allclose(lines["atm_volatility"], 0.2, atol=2e-3)
    assert_allclose(
        lines["expected_move"], 4450 * lines["atm_volatility"] * np.sqrt(lines["years"]), rtol=1e-12
    )


def test_greeks_are_those_of_quantlib_in_traders_units(index_desk):
    row = only(index_desk.chain("SPX", "2021-09-16", expiry="2021-12-31"), 4600, "P")
    discount = np.exp(-row["rate"] * row["years"])
    payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Put, 4600)
    deviation = row["implied_volatility"] * np.sqrt(row["years"])
    calculator = QuantLib.BlackCalculator(payoff, row["forward"], deviation, discount)
    assert row["delta"] == pytest.approx(calculator.delta(4450), rel=1e-9)
    assert row["gamma"] == pytest.approx(calculator.gamma(4450), rel=1e-9)
    assert row["vega_point"] == pytest.approx(calculator.vega(row["years"]) / 100, rel=1e-9)
    assert row["theta_day"] == pytest.approx(calculator.theta(4450, row["years"]) / 365, rel=1e-9)
    assert row["rho_point"] == pytest.approx(calculator.rho(row["years"]) / 100, rel=1e-9)


def test_american_quotes_give_their_volatility_and_greeks_back(tmp_path):
    """Priced by QuantLib's boundary method at 25 %; a European formula would miss the puts by points."""
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text(f"[market]\nrate = {RATE}\n")
    today = QuantLib.Date(16, 9, 2021)
    QuantLib.Settings.instance().evaluationDate = today
    days = QuantLib.Actual365Fixed()
    spot, volatility, expiry = QuantLib.SimpleQuote(50.0), QuantLib.SimpleQuote(0.25), today + 365
    flat = [QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, r, days)) for r in (YIELD, RATE)]
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(spot), *flat,
        QuantLib.BlackVolTermStructureHandle(
            QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), QuantLib.QuoteHandle(volatility), days)
        ),
    )  # fmt: skip
    engine = QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
    rows, deltas = [], {}
    for strike in range(40, 61, 5):
        for right, kind in (("C", QuantLib.Option.Call), ("P", QuantLib.Option.Put)):
            option = QuantLib.VanillaOption(
                QuantLib.PlainVanillaPayoff(kind, strike), QuantLib.AmericanExercise(today, expiry)
            )
            option.setPricingEngine(engine)
            worth = []
            for price in (50.0, 50.05, 49.95):
                spot.setValue(price)
                worth.append(option.NPV())
            deltas[right, strike] = (worth[1] - worth[2]) / 0.1
            rows.append(("ABC", "2021-09-16", "2022-09-16", strike, right, worth[0], worth[0], 50.0))
    names = ["underlying", "quote_date", "expiration", "strike", "option_type", "bid", "ask", "spot"]
    with Desk.open(tmp_path / "desk") as desk:
        desk.load(pd.DataFrame(rows, columns=names), kind="chain", source="modelled for a test")
        chain = desk.chain("ABC", "2021-09-16")
    assert chain["model"].eq("american").all()
    assert chain["status"].eq("ok").all()
    assert_allclose(chain["dividend_yield"], YIELD, atol=2e-5)
    assert_allclose(chain["implied_volatility"], 0.25, atol=2e-5)
    pairs = zip(chain["right"], chain["strike"], strict=True)
    assert_allclose(chain["delta"], [deltas[pair] for pair in pairs], atol=2e-4)


def test_the_desks_own_rate_stands_where_somebody_has_set_it(tmp_path):
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text("[market]\nrate = 0.02\n")
    with Desk.open(tmp_path / "desk") as desk:
        desk.load(quotes(), kind="chain", source="modelled for a test")
        chain = desk.chain("SPX", "2021-09-16", expiry="2021-12-31")
        assert chain["rate"].eq(0.02).all()
        # The forward is the quotes' all the same, but for what the wrong rate does to it.
        assert_allclose(chain["forward"], 4450 * np.exp((RATE - YIELD) * chain["years"]), rtol=1e-4)


def test_an_index_without_a_price_gets_the_one_that_parity_tells(desk):
    desk.load(quotes().drop(columns="underlying_close"), kind="chain", source="modelled for a test")
    chain = desk.chain("SPX", "2021-09-16", expiry="2021-12-31")
    # The nearest forward lies a day on, so the unknown dividend of that day is all that is missed.
    assert_allclose(chain["spot"], 4450, rtol=5e-5)
    assert chain["flags"].str.contains("spot told by the nearest forward").all()
    near = chain[chain["strike"].between(4000, 5000)]
    assert_allclose(near["implied_volatility"], smile(near["strike"], 4450), atol=1e-5)


def test_after_a_split_only_the_new_contracts_are_there(desk):
    """Seven for one overnight, and nobody told the desk: old contracts must not stand beside new ones."""
    terms = {"underlying": "AAPL", "exercise": "american"}
    before = quotes(**terms, day="2014-06-06", expiries=[("AAPL", "2014-07-19", 42.0)], spot=645.57,
                    strikes=range(560, 731, 10))  # fmt: skip
    after = quotes(**terms, day="2014-06-09", expiries=[("AAPL", "2014-07-19", 39.0)], spot=93.70,
                   strikes=range(80, 105, 5))  # fmt: skip
    desk.load(pd.concat([before, after]), kind="chain", source="modelled for a test")
    old, new = desk.chain("AAPL", "2014-06-06"), desk.chain("AAPL", "2014-06-09")
    assert old["strike"].min() == 560
    assert old["spot"].eq(645.57).all()
    assert new["strike"].max() == 100
    assert new["spot"].eq(93.70).all()
    assert not new["flags"].str.contains("stale").any()


def test_quotes_of_an_earlier_session_are_shown_and_marked_stale(index_desk):
    chain = index_desk.chain("SPX", "2021-09-20", expiry="2021-12-31")
    assert chain["flags"].str.contains("stale: quotes of 2021-09-16").all()
    assert "an earlier session" in chain.note
    same = index_desk.chain("SPX", "2021-09-16", expiry="2021-12-31")
    assert_allclose(chain["years"], same["years"], rtol=0, atol=0, err_msg="time runs from the quote")


def test_nothing_later_than_the_instant_is_used(desk):
    early, late = (
        quotes(),
        quotes(day="2021-09-17", expiries=[("SPXW", "2021-12-31", 105 + 1 / 24)], spot=4400.0),
    )
    desk.load(pd.concat([early, late]), kind="chain", source="modelled for a test")
    assert desk.chain("SPX", "2021-09-16")["spot"].eq(4450).all()
    assert desk.chain("SPX", "2021-09-17")["spot"].eq(4400).all()
    with pytest.raises(MissingDataError, match="its first are of 2021-09-16"):
        desk.chain("SPX", "2021-09-15")


def test_known_at_undoes_what_was_learned_later(desk):
    first = quotes(expiries=[YEAR_END])
    desk.load(first, kind="chain", source="modelled for a test")
    before = desk.now()
    desk.load(first.assign(bid=first["bid"] + 1, ask=first["ask"] + 1), kind="chain", source="corrected")
    then = desk.chain("SPX", "2021-09-16", known_at=before)
    now = desk.chain("SPX", "2021-09-16")
    assert_allclose(now["bid"] - then["bid"], 1, atol=1e-9)


BAD = {
    "no bid": ({"bid": np.nan}, "no_bid: nobody bids"),
    "a bid of zero": ({"bid": 0.0}, "no_bid: nobody bids"),
    "no offer": ({"ask": np.nan}, "no_ask: nobody offers"),
    "neither": ({"bid": np.nan, "ask": np.nan}, "no_quote: neither a bid nor an offer"),
    "crossed": ({"bid": 901.0, "ask": 900.0}, "crossed: the bid 901 is above the ask 900"),
    "too cheap": ({"bid": 840.0, "ask": 841.0}, "below_intrinsic: the middle 840.5 is"),
    "too dear": ({"bid": 4460.0, "ask": 4462.0}, "above_bound: the middle 4461 is"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_quote_that_gives_no_volatility_stays_and_says_why(desk, case):
    change, reason = BAD[case]
    chain = quotes(expiries=[YEAR_END])
    at = chain.index[chain["strike"].eq(3600) & chain["option_type"].eq("C")]
    for column, value in change.items():
        chain.loc[at, column] = value
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("SPX", "2021-09-16")
    row = only(found, 3600)
    assert row["status"].startswith(reason)
    assert np.isnan(row["implied_volatility"])
    assert np.isnan(row["delta"])
    assert len(found) == 70
    assert found["status"].eq("ok").sum() == 69


def test_one_side_of_a_market_still_has_a_volatility(desk):
    chain = quotes(expiries=[YEAR_END], half_spread=0.5)
    at = chain.index[chain["strike"].eq(4900) & chain["option_type"].eq("C")]
    chain.loc[at, "bid"] = np.nan
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("SPX", "2021-09-16")
    row = only(found, 4900)
    assert np.isnan(row["bid_volatility"])
    assert row["ask_volatility"] > smile(4900, 4450)
    whole = only(found, 4850)
    assert whole["bid_volatility"] < whole["implied_volatility"] < whole["ask_volatility"]


def test_a_contract_that_settles_as_it_is_quoted_has_no_time(desk):
    desk.load(quotes(day="2021-09-17", expiries=[("SPXW", "2021-09-17", 0.0)]), kind="chain", source="test")
    chain = desk.chain("SPX", "2021-09-17")
    assert chain["status"].str.startswith("no_time").all()
    assert desk.expiries("SPX", "2021-09-17")["priced"].tolist() == [0]


def test_a_share_without_any_price_says_so_and_a_bar_mends_it(desk):
    chain = quotes("SPY", expiries=[("SPY", *YEAR_END[1:])], spot=445.0, strikes=range(400, 500, 10))
    chain = chain.assign(exercise="american").drop(columns="underlying_close")
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("SPY", "2021-09-16")
    assert found["status"].str.startswith("missing_spot: neither the quotes nor the desk's bars").all()
    bars = pd.DataFrame({"symbol": ["SPY"], "time": ["2021-09-16"], "open": [446.0], "high": [447.0],
                         "low": [444.0], "close": [445.0], "volume": [1e6]})  # fmt: skip
    desk.load_bars(bars, source="test")
    found = desk.chain("SPY", "2021-09-16")
    assert found["spot"].eq(445).all()
    assert found["status"].eq("ok").all()
    assert found["flags"].str.contains("spot of the desk's bar").all()


def test_an_adjusted_contract_is_not_priced_off_the_share(desk):
    chain = quotes("ABC", expiries=[("ABC", "2021-12-17", 92 + 1 / 24), ("ABC1", "2021-12-17", 92 + 1 / 24)],
                   spot=50.0, strikes=range(40, 61, 5), exercise="american")  # fmt: skip
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain("ABC", "2021-09-16")
    assert only(found, 50, root="ABC")["status"] == "ok"
    said = only(found, 50, root="ABC1")["status"]
    assert said.startswith("adjusted: ABC1 delivers something other than 100 ABC")


def test_where_a_strike_lacks_its_twin_the_desks_yield_stands_and_is_said(desk):
    chain = quotes(expiries=[YEAR_END])
    desk.load(chain[chain["option_type"].eq("C")], kind="chain", source="modelled for a test")
    found = desk.chain("SPX", "2021-09-16")
    assert found["flags"].str.startswith("forward assumed, by the desk's dividend yield").all()
    assert found["dividend_yield"].eq(0).all()
    assert desk.expiries("SPX", "2021-09-16")["carry"].tolist() == ["assumed"]


def with_vendor(chain, *, per_cent=False, **shift):
    """Add a vendor's columns: our model's figures, shifted."""
    days = 106 + 1 / 24
    volatility = smile(chain["strike"], 4450) + shift.get("volatility", 0.0)
    is_call = chain["option_type"].eq("C")
    greeks = black_scholes_greeks(
        4450.0, chain["strike"], days / 365, volatility, rate=RATE, dividend_yield=YIELD, is_call=is_call,
        units="trader",
    )  # fmt: skip
    return chain.assign(
        implied_vol=volatility * (100 if per_cent else 1),
        delta=np.asarray(greeks["delta"]) + shift.get("delta", 0.0),
        gamma=np.asarray(greeks["gamma"]),
        theta=np.asarray(greeks["theta"]) * shift.get("theta", 1.0),
        vega=np.asarray(greeks["vega"]),
    )


@pytest.mark.parametrize("per_cent", [False, True])
def test_a_vendor_that_agrees_parts_nowhere(desk, per_cent):
    chain = quotes(expiries=[YEAR_END])
    desk.load(with_vendor(chain, per_cent=per_cent), kind="chain", source="modelled for a test")
    found = desk.chain("SPX", "2021-09-16")
    assert found["parts"].eq("").all()
    near = found[found["strike"].between(4000, 5000)]
    assert_allclose(near["vendor_implied_volatility"], near["implied_volatility"], atol=1e-5)


def test_where_the_vendor_parts_it_is_said_in_words_with_units(desk):
    chain = quotes(expiries=[YEAR_END])
    desk.load(
        with_vendor(chain, volatility=0.013, delta=-0.06, theta=1.5),
        kind="chain",
        source="modelled for a test",
    )
    said = only(desk.chain("SPX", "2021-09-16"), 4450)["parts"]
    assert said.startswith("volatility 1.3 pt below; delta 0.060 above; theta ")
    assert said.endswith(" $ a day above")


def test_an_unknown_chain_names_those_that_there_are(index_desk):
    with pytest.raises(UnknownSymbolError, match="It has chains of SPX"):
        index_desk.chain("SPY")
    with pytest.raises(MissingDataError, match=r"no expiry 2021-12-30; the nearest are .*2021-12-31"):
        index_desk.chain("SPX", "2021-09-16", expiry="2021-12-30")


def test_the_chain_knows_its_as_of_and_source_and_that_it_is_modelled(index_desk):
    chain = index_desk.chain("SPX", "2021-09-16")
    for said in ("Thu 16 Sep 2021", "modelled for a test", "options modelled", "spot 4,450.00"):
        assert said in chain.note
    assert chain["modelled"].all()
    assert "SPX options" in chain._repr_html_()


def test_the_demo_desks_chain_is_priced_whole(demo_desk):
    chain = demo_desk.chain("AAPL")
    assert chain["status"].eq("ok").sum() == len(chain) == 300
    assert chain["modelled"].all()
    lines = demo_desk.expiries("AAPL")
    assert lines["days"].tolist() == [50, 78, 113, 141, 232, 323]
    assert lines["priced"].sum() == 300
