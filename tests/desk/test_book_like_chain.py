"""The same contract has the same numbers in the book as in its chain, or the book says what it assumes."""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from numpy.testing import assert_allclose

from workbench import Desk
from workbench.market import session_close
from workbench.pricing import american_greeks, black_scholes_price

RATE, YIELD, SPOT, VOLATILITY = 0.04, 0.015, 50.0, 0.25
DAY, EXPIRY = "2021-09-16", "2022-09-16"
# The book's column and the chain's.
PAIRS = {name: name for name in ("vega_point", "theta_day", "rho_point")} | {"delta_shares": "delta"}
TERMS = ("spot", "years", "rate", "dividend_yield", "forward", "exercise")


def american_chain(strikes=range(35, 71, 5)):
    """Return quotes of American options on ABC that QuantLib's boundary method prices at 25 %."""
    today = QuantLib.Date(16, 9, 2021)
    QuantLib.Settings.instance().evaluationDate = today
    day_count = QuantLib.Actual365Fixed()
    flat = [
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, rate, day_count))
        for rate in (YIELD, RATE)
    ]
    volatility = QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), VOLATILITY, day_count)
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(SPOT)), *flat,
        QuantLib.BlackVolTermStructureHandle(volatility),
    )  # fmt: skip
    engine = QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
    rows = []
    for strike in strikes:
        for right, kind in (("C", QuantLib.Option.Call), ("P", QuantLib.Option.Put)):
            option = QuantLib.VanillaOption(
                QuantLib.PlainVanillaPayoff(kind, strike), QuantLib.AmericanExercise(today, today + 365)
            )
            option.setPricingEngine(engine)
            rows.append(("ABC", DAY, EXPIRY, strike, right, option.NPV(), option.NPV(), SPOT, "american"))
    return pd.DataFrame(rows, columns=CHAIN)


CHAIN = ["underlying", "quote_date", "expiration", "strike", "option_type", "bid", "ask", "spot", "exercise"]


def european_chain(underlying="SPX", root="SPX", *, day=DAY, expiry="2021-12-17", left=91 + 18.5 / 24):
    """Return quotes of European index options; the third Friday's settle at the open, in winter time."""
    strikes = np.repeat(np.arange(4000.0, 4901, 50), 2)
    is_call = np.tile([True, False], len(strikes) // 2)
    volatility = 0.2 - 0.15 * np.log(strikes / 4450)
    price = black_scholes_price(
        4450.0, strikes, left / 365, volatility, rate=RATE, dividend_yield=YIELD, is_call=is_call
    )
    rows = {
        "underlying": underlying, "root": root, "quote_date": day, "expiration": expiry, "strike": strikes,
        "option_type": np.where(is_call, "C", "P"), "bid": price - 0.05, "ask": price + 0.05,
        "spot": 4450.0, "exercise": "european",
    }  # fmt: skip
    return pd.DataFrame(rows)


def book_positions(desk, symbols, *, time=DAY, quantities=(3, -7)):
    """Load a fill of each symbol at noon."""
    count = len(symbols)
    fills = pd.DataFrame(
        {
            "fill_id": [f"{time} {symbol}" for symbol in symbols],
            "time": pd.Timestamp(f"{time} 12:00", tz="America/New_York"),
            "symbol": symbols,
            "quantity": np.resize(quantities, count),
            "price": 1.0,
            "fees": 0,
            "currency": "USD",
        }
    )
    desk.load(fills, kind="fills", source="own")


def load_closes(desk, closes):
    """Load daily bars of ABC."""
    close = list(closes.values())
    bars = {"symbol": "ABC", "time": list(closes), "close": close, "volume": 1e6}
    desk.load_bars(pd.DataFrame(bars).assign(open=close, high=close, low=close), source="own")


def hold_chain(desk, chain):
    """Load a chain and hold every contract of it; return its rows as the desk prices them."""
    desk.load(chain, kind="chain", source="modelled for a test")
    found = desk.chain(chain["underlying"].iloc[0], DAY)
    book_positions(desk, found["symbol"].tolist())
    return found.set_index("symbol")


def assert_alike(book, chain):
    """Hold every figure of the book against the chain's, times what is held."""
    rows = chain.loc[book["symbol"]]
    size = book["quantity"].to_numpy() * book["multiplier"].to_numpy()
    for name in TERMS[:-1]:
        assert_allclose(book[name], rows[name], rtol=1e-12, err_msg=name)
    assert (book["exercise"].to_numpy() == rows["exercise"].to_numpy()).all()
    assert_allclose(book["volatility"], rows["implied_volatility"], rtol=1e-12)
    for ours, theirs in PAIRS.items():
        assert_allclose(book[ours], rows[theirs] * size, rtol=1e-12, atol=1e-12, err_msg=ours)
    assert_allclose(book["dollar_delta"], rows["delta"] * size * rows["spot"], rtol=1e-12, atol=1e-12)
    gamma = rows["gamma"] * size * rows["spot"] ** 2 / 100
    assert_allclose(book["dollar_gamma_1pct"], gamma, rtol=1e-12, atol=1e-12)


@pytest.fixture
def rated_desk(tmp_path):
    """A desk whose rate somebody has set, as American chains need it."""
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text(f"[market]\nrate = {RATE}\n")
    with Desk.open(tmp_path / "desk") as opened:
        yield opened


def test_american_options_of_the_book_have_their_chains_greeks(rated_desk):
    chain = hold_chain(rated_desk, american_chain())
    book = rated_desk.book(DAY)
    priced = book["volatility"].notna()
    # The put at 70 is exercised at once: it has no volatility, in the chain as in the book.
    assert priced.sum() == (chain["status"] == "ok").sum() >= 15
    assert set(book["exercise"]) == {"american"}
    assert set(book["carry"]) == {"parity"}
    assert_alike(book[priced], chain)
    assert_allclose(book["dividend_yield"], YIELD, atol=2e-5)
    assert_allclose(book.loc[priced, "volatility"], VOLATILITY, atol=2e-5)


def test_the_greeks_are_the_american_models(rated_desk):
    """A put in the money with 4 % of interest: the European delta would be off by hundredths."""
    chain = hold_chain(rated_desk, american_chain())
    put = chain.index[chain["strike"].eq(55) & chain["right"].eq("P")][0]
    row = rated_desk.book(DAY).set_index("symbol").loc[put]
    exact = american_greeks(
        SPOT, 55.0, 1.0, VOLATILITY, rate=RATE, dividend_yield=YIELD, is_call=False, units="trader"
    )
    held = row["quantity"] * row["multiplier"]
    assert row["delta_shares"] == pytest.approx(exact["delta"] * held, rel=1e-3)
    assert row["vega_point"] == pytest.approx(exact["vega"] * held, rel=1e-3)


def test_european_index_options_of_the_book_have_their_chains_greeks(desk):
    """Nobody set a rate and no bar tells a spot: the quotes tell both, and that SPX settles at the open."""
    chain = hold_chain(desk, european_chain())
    book = desk.book(DAY)
    assert set(book["exercise"]) == {"european"}
    assert_alike(book, chain)
    assert_allclose(book["rate"], RATE, atol=1e-4)
    assert_allclose(book["years"], (91 + 18.5 / 24) / 365, rtol=1e-12)


def test_holding_one_expiry_of_many_tells_the_same_as_the_whole_chain(rated_desk):
    chain = pd.concat(
        [american_chain(), american_chain().assign(expiration="2022-06-17", bid=lambda f: f["bid"] - 0.5,
                                                   ask=lambda f: f["ask"] - 0.4)]
    )  # fmt: skip
    rated_desk.load(chain, kind="chain", source="modelled for a test")
    found = rated_desk.chain("ABC", DAY)
    near = found[found["expiry"].eq("2022-06-17") & found["status"].eq("ok")]
    book_positions(rated_desk, near["symbol"].tolist()[:4])
    assert_alike(rated_desk.book(DAY), found.set_index("symbol"))


def test_several_underlyings_are_read_together_and_each_follows_its_own_chain(rated_desk):
    american = hold_chain(rated_desk, american_chain(range(45, 56, 5)))
    other = hold_chain(rated_desk, american_chain(range(45, 56, 5)).assign(underlying="XYZ", spot=50.5))
    book = rated_desk.book(DAY)
    for name, chain in (("ABC", american), ("XYZ", other)):
        assert_alike(book[book["underlying"].eq(name)], chain)
    yields = book.groupby("underlying")["dividend_yield"].first()
    assert yields["XYZ"] - yields["ABC"] == pytest.approx(np.log(50.5 / 50), abs=2e-3)


def test_quotes_of_the_afternoon_are_of_the_session_and_their_time_runs_from_them(rated_desk):
    chain = american_chain().drop(columns="quote_date")
    chain["time"] = pd.Timestamp(f"{DAY} 15:45", tz="America/New_York")
    chain = hold_chain(rated_desk, chain)
    book = rated_desk.book(DAY)
    assert set(book["price_status"]) == {"ok"}
    assert_alike(book[book["volatility"].notna()], chain)


def test_what_the_quote_says_of_exercise_wins_over_what_is_usual_for_the_root(rated_desk):
    chain = hold_chain(rated_desk, american_chain().assign(exercise="european"))
    book = rated_desk.book(DAY)
    assert set(book["exercise"]) == {"european"}
    assert_alike(book[book["volatility"].notna()], chain)


def test_an_earlier_sessions_quote_keeps_its_volatility_and_moves_to_todays_spot_and_time(rated_desk):
    chain = hold_chain(rated_desk, american_chain())
    load_closes(rated_desk, {"2021-09-16": 50.0, "2021-09-20": 51.0})
    then, now = (rated_desk.book(day).set_index("symbol") for day in (DAY, "2021-09-20"))
    assert set(now["price_status"]) == {"stale"}
    assert_allclose(now["volatility"], then["volatility"], rtol=1e-12)
    assert now["spot"].eq(51).all()
    assert_allclose((then["years"] - now["years"]) * 365, 4, rtol=1e-9)
    assert_allclose(now["dividend_yield"], chain.loc[now.index, "dividend_yield"], rtol=1e-12)
    assert set(now["carry"]) == {"parity"}


def test_a_contract_that_the_last_session_did_not_quote_has_the_carry_of_its_expiry(rated_desk):
    chain = american_chain()
    lonely = chain["strike"].eq(45) & chain["option_type"].eq("P")
    rated_desk.load(chain[lonely].assign(quote_date="2021-09-15"), kind="chain", source="modelled for a test")
    rated_desk.load(chain[~lonely], kind="chain", source="modelled for a test")
    book_positions(rated_desk, ["ABC   220916P00045000"], time="2021-09-15")
    row = rated_desk.book(DAY).iloc[0]
    assert row["price_status"] == "stale"
    assert row["carry"] == "parity"
    line = rated_desk.expiries("ABC", DAY).iloc[0]
    assert row["dividend_yield"] == pytest.approx(line["dividend_yield"], rel=1e-12)


def test_where_calls_lack_their_puts_the_desks_yield_stands_and_is_said(tmp_path):
    (tmp_path / "desk").mkdir()
    settings = f"[market]\nrate = {RATE}\ndividend_yield = 0.02\n"
    (tmp_path / "desk" / "settings.toml").write_text(settings)
    with Desk.open(tmp_path / "desk") as desk:
        calls = american_chain()
        chain = hold_chain(desk, calls[calls["option_type"].eq("C")])
        book = desk.book(DAY)
        assert set(book["carry"]) == {"assumed"}
        assert book["dividend_yield"].eq(0.02).all()
        assert_alike(book[book["volatility"].notna()], chain)


def test_a_share_has_no_exercise_and_no_carry(rated_desk):
    load_closes(rated_desk, {DAY: 50.0})
    book_positions(rated_desk, ["ABC"])
    row = rated_desk.book(DAY).iloc[0]
    assert (row["exercise"], row["carry"]) == ("", "")
    assert np.isnan(row["forward"])
    assert row["delta_shares"] == 3


def test_an_adjusted_contract_has_no_greeks_as_in_its_chain(rated_desk):
    adjusted = american_chain().assign(root="ABC1")
    hold_chain(rated_desk, pd.concat([american_chain(), adjusted]))
    book = rated_desk.book(DAY)
    strange = book["symbol"].str.startswith("ABC1")
    assert strange.any()
    assert book.loc[strange, "volatility_status"].eq("adjusted").all()
    assert book.loc[strange, "delta_shares"].isna().all()
    assert any("no implied volatility" in said for said in rated_desk.headline(DAY).findings)


def test_the_grid_and_the_stress_of_american_options_stay_above_what_exercise_pays(rated_desk):
    chain = hold_chain(rated_desk, american_chain())
    assert rated_desk.scenario_grid(DAY).loc[0.0, 0.0] == 0
    for move in (-0.3, 0.0, 0.3):
        legs = rated_desk.stress(spot=move, as_of=DAY).positions
        strikes = chain.loc[legs["symbol"], "strike"].to_numpy()
        sign = np.where(chain.loc[legs["symbol"], "right"].eq("C"), 1.0, -1.0)
        paid = np.maximum(sign * (SPOT * (1 + move) - strikes), 0)
        assert (legs["stressed_value"] / (legs["quantity"] * 100) >= paid - 1e-12).all()


def test_the_desks_book_follows_the_clock_and_not_a_later_chain(rated_desk):
    hold_chain(rated_desk, american_chain())
    before = rated_desk.book(DAY)
    later = american_chain().assign(quote_date="2021-09-17", spot=52.0)
    rated_desk.load(later, kind="chain", source="modelled for a test")
    pd.testing.assert_frame_equal(pd.DataFrame(rated_desk.book(DAY)), pd.DataFrame(before))
    assert session_close("XNYS", DAY) == rated_desk.as_of(DAY).instant


def test_options_on_an_index_without_bars_leave_the_others_var_and_it_is_said(desk):
    desk.ingest("sample", "AAPL", start="2011-01-03", end="2013-03-01")
    chain = european_chain(day="2013-02-28", expiry="2013-06-22", left=112 + 16.5 / 24).assign(root="XYZ")
    desk.load(chain.assign(underlying="XYZ"), kind="chain", source="modelled for a test")
    book_positions(desk, ["AAPL"], time="2013-02-27")
    alone = desk.value_at_risk(as_of="2013-02-28")
    book_positions(desk, desk.chain("XYZ", "2013-02-28")["symbol"].tolist()[:2], time="2013-02-28")
    book = desk.book("2013-02-28")
    assert book["delta_shares"].notna().all()
    both = desk.value_at_risk(as_of="2013-02-28")
    assert (both.var, both.es) == (alone.var, alone.es)
    said = "2 position(s) on XYZ are not in VaR and ES"
    assert any(said in finding for finding in both.findings)
    assert any(said in finding for finding in desk.headline("2013-02-28").findings)


def test_bars_adjusted_for_a_later_split_value_no_option_of_before_it(rated_desk):
    """The chain refuses seven dollars for what its calls and puts price at fifty; so must the book."""
    load_closes(rated_desk, {DAY: 50.0 / 7})
    chain = hold_chain(rated_desk, american_chain().drop(columns="spot"))
    assert chain["implied_volatility"].isna().all()
    book = rated_desk.book(DAY)
    assert book["volatility"].isna().all()
    assert book["delta_shares"].isna().all()
