"""The options page without a browser: it shows what the desk and the engines say."""

import re

import numpy as np
import pandas as pd
import pytest

from workbench.pricing import american_greeks, black_scholes_greeks, build_structure, payoff_summary
from workbench.views import OptionsView
from workbench.views.options_calculator import Calculator


@pytest.fixture
def view(demo_desk):
    made = OptionsView(desk=demo_desk)
    made.__panel__()
    return made


def say(view, words):
    """Do what theme.js does when a button is clicked."""
    say.count += 1
    view.said = f"{words} {say.count}"


say.count = 0


def values(html):
    return {
        name: float(value) for name, value in re.findall(r'data-figure="(\w+)" data-value="([^"]+)"', html)
    }


def test_the_chain_shows_the_desks_quotes_with_the_rule_at_the_spot(view, demo_desk):
    chain = demo_desk.chain("AAPL")
    assert view.spot == chain["spot"].iloc[0]
    call = view.quotes().query("right == 'C' and strike == 430").iloc[0]
    assert f"{call['bid']:.2f}" in view._table.object and f"{call['ask']:.2f}" in view._table.object
    assert view._table.object.count("wb-spot-rule") == 1
    assert "modelled" in view._chain_title.object and "modelled quotes" in view._head.object


def test_the_page_begins_with_a_condor_and_its_figures_are_the_engines(view):
    chosen = view.expiries.iloc[view.expiry]
    legs = build_structure("iron_condor", view.chain, expiry=chosen["expiry"], quantity=10)
    summary = payoff_summary(legs)
    shown = values(view.builder._figures.object)
    for name in ("net_cash_mid", "max_loss", "chance_of_profit", "delta", "net_cash_worst"):
        assert shown[name] == pytest.approx(getattr(summary, name)), name


def test_a_click_on_a_price_adds_a_leg_and_the_same_again_takes_it_back(view):
    say(view, "clear")
    assert "No leg yet" in view.builder._figures.object
    symbol = view.quotes().query("right == 'P' and strike == 420")["symbol"].iloc[0]
    say(view, f"leg -10 {symbol}")
    assert view.builder.quantities() == {symbol: -10.0}
    assert f'data-say="drop {symbol}"' in view._table.object
    say(view, f"leg 10 {symbol}")
    assert view.builder.quantities() == {}


def test_an_expiry_changes_chain_smile_and_structure_together(view):
    other = view.expiry + 1
    say(view, f"expiry {other}")
    assert view.expiry == other
    day = view.expiries["expiry"].iloc[other]
    assert f"{day.day} {day:%b %Y}" in view._chain_title.object
    assert view.quotes()["expiry"].unique().tolist() == [day]


def test_another_underlying_brings_its_own_chain(view, demo_desk):
    say(view, "symbol IBM")
    assert view.spot == demo_desk.chain("IBM")["spot"].iloc[0]
    assert "IBM" in view._head.object


def test_words_that_the_page_never_says_change_nothing(view):
    for words in ("expiry 99", "part nowhere", "leg x AAPL", "drop nothing", "symbol XXX", "leg -10 nothing"):
        say(view, words)
    assert view.part == "chain" and view.symbol == "AAPL"


def test_a_volatility_opens_its_contract_in_the_calculator(view):
    row = view.quotes().query("right == 'C' and strike == 430").iloc[0]
    say(view, f"calculate {row['symbol']}")
    assert view.part == "calculator"
    assert view.calculator.strike == 430.0
    assert view.calculator.figures()["price"] == pytest.approx(row["mid"], abs=1e-6)


def test_the_surface_is_the_desks_own(view, demo_desk):
    say(view, "part surface")
    cells = view.surface._heat.select_one({"name": "cells"}).data_source.data
    expected = demo_desk.surface("AAPL").surface.by_delta(deltas=[0.5])["ATM"].to_numpy() * 100
    shown = [v for v, delta in zip(cells["volatility"], cells["delta"], strict=True) if delta == "ATM"]
    assert shown == pytest.approx(expected.tolist())


def test_a_desk_without_a_chain_says_how_to_load_one(desk):
    view = OptionsView(desk=desk)
    view.__panel__()
    assert "workbench load FILE --kind chain" in view._state.object
    say(view, "part calculator")
    assert values(view.calculator._results.object)["price"] > 0


def test_quotes_without_a_volatility_are_counted_with_their_reason(view):
    view.chain.loc[view.chain.index[:2], ["implied_volatility", "delta"]] = np.nan
    view.chain.loc[view.chain.index[:2], "status"] = "below_intrinsic: the middle 1 is 0.1 below <worth>"
    view.expiry = 0
    view._show_expiry()
    assert "below intrinsic value" in view._table.object and "Show them." in view._table.object
    say(view, "rows unpriced")
    assert "&lt;worth&gt;" in view._table.object and "<worth>" not in view._table.object


def test_the_calculator_is_the_engine_in_traders_units():
    calculator = Calculator(spot=42.0, strike=40.0, days=182.5, volatility_percent=20.0, rate_percent=10.0)
    calculator.__panel__()
    expected = black_scholes_greeks(
        42, 40, 0.5, 0.2, rate=0.1, greeks=["price", "delta", "vega", "theta"], units="trader"
    )
    for name, value in expected.items():
        assert calculator.figures()[name] == pytest.approx(float(value))
    assert values(calculator._results.object)["price"] == pytest.approx(4.759422, abs=5e-7)  # Hull
    calculator.volatility_percent = 30.0
    assert values(calculator._results.object)["price"] == pytest.approx(calculator.figures()["price"])
    assert "$ per share" in calculator._results.object


def test_an_american_price_is_never_the_european_one_where_they_differ():
    terms = {"spot": 90.0, "strike": 100.0, "days": 365.0, "rate_percent": 8.0, "right": "Put"}
    american = Calculator(**terms, model="american").figures()
    assert american["price"] > Calculator(**terms).figures()["price"]
    assert american["price"] >= 10.0
    engine = american_greeks(90, 100, 1.0, 0.2, rate=0.08, is_call=False, units="trader")
    assert {name: american[name] for name in engine} == pytest.approx(
        {k: float(v) for k, v in engine.items()}
    )


def test_text_from_outside_is_shown_as_text(view):
    view.chain["source"] = "<img src=x>"
    view._show_head()
    assert "<img" not in view._head.object and "&lt;img" in view._head.object
    assert isinstance(view.chain, pd.DataFrame)
