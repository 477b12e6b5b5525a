"""Options on the command line: one priced without a desk, a chain read on one."""

import io
import json
import subprocess
import sys

import pandas as pd
import pytest
import QuantLib
from click.testing import CliRunner
from numpy.testing import assert_allclose

from workbench.cli.chain import _flag_lines
from workbench.cli.main import main
from workbench.pricing import bachelier_price


def workbench(*arguments, home=None, status=0):
    extra = ["--home", str(home)] if home else []
    result = CliRunner().invoke(main, [*map(str, arguments), *extra], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def document(*arguments, status=0):
    return json.loads(workbench("price", *arguments, "--json", status=status))


def test_a_price_and_its_greeks_are_quantlibs_and_carry_their_units():
    payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Put, 105)
    discount, growth = 2.718281828459045**-0.02, 2.718281828459045 ** (0.5 * (0.04 - 0.01))
    calculator = QuantLib.BlackCalculator(payoff, 100 * growth, 0.2 * 0.5**0.5, discount)
    made = document(100, 105, 0.5, 0.2, "--rate", 0.04, "--yield", 0.01, "--put")
    figures = {name: figure["value"] for name, figure in made["figures"].items()}
    assert figures["price"] == pytest.approx(calculator.value(), rel=1e-12)
    assert figures["delta"] == pytest.approx(calculator.delta(100), rel=1e-12)
    assert figures["vega"] == pytest.approx(calculator.vega(0.5) / 100, rel=1e-12)
    assert figures["theta"] == pytest.approx(calculator.theta(100, 0.5) / 365, rel=1e-12)
    assert made["figures"]["vega"]["unit"] == "per volatility point"
    natural = document(100, 105, 0.5, 0.2, "--rate", 0.04, "--yield", 0.01, "--put", "--units", "natural")
    assert natural["figures"]["vega"]["value"] == pytest.approx(100 * figures["vega"], rel=1e-14)
    assert natural["figures"]["vega"]["unit"] == "per 1.00 of volatility"


def test_days_are_years_of_365():
    assert document(100, 105, "--days", 73, 0.2) == document(100, 105, 0.2, 0.2)


def test_a_price_gives_its_volatility_back_and_an_impossible_one_a_reason():
    made = document(100, 105, 0.5, 0.2)["figures"]["price"]["value"]
    back = document(100, 105, 0.5, "--from-price", made)
    assert back["status"] == "ok"
    assert back["volatility"] == pytest.approx(0.2, abs=1e-13)
    none = document(100, 105, 0.5, "--from-price", 101, status=1)
    assert (none["status"], none["volatility"]) == ("above_bound", None)
    assert "above_bound" in workbench("price", 100, 105, 0.5, "--from-price", 101, status=1)


@pytest.mark.parametrize("model", ["black_scholes", "black76", "bachelier"])
def test_every_greek_of_a_model_has_a_unit(model):
    volatility = 20 if model == "bachelier" else 0.2
    figures = document(100, 105, 0.5, volatility, "--model", model, "--greeks", "all")["figures"]
    assert {"vanna", "vomma", "charm", "speed", "ultima"} <= set(figures)
    assert all(figure["unit"] for figure in figures.values())


def test_an_american_put_costs_more_and_a_cash_dividend_moves_it():
    terms = (100, 105, 0.5, 0.2, "--rate", 0.04, "--put")
    european = document(*terms)["figures"]["price"]["value"]
    american = document(*terms, "--american")["figures"]["price"]["value"]
    cash = ("--dividend", "0.25:1.00", "--dividend-model", "spot")
    paid = document(*terms, "--american", *cash)
    assert european < american < paid["figures"]["price"]["value"]
    every = document(*terms, "--american", *cash, "--greeks", "all")["figures"]
    assert {"vanna", "vomma", "phi"} <= set(every)
    assert "cash dividends 1 in 0.25 y; spot model" in workbench("price", *terms, "--american", *cash)
    price = paid["figures"]["price"]["value"]
    back = document(*terms[:3], *terms[4:], "--american", *cash, "--from-price", price)
    assert back["volatility"] == pytest.approx(0.2, abs=1e-6)


def test_a_forward_below_zero_is_a_number_and_no_option():
    figures = document(-5, -6, 0.5, 4, "--model", "bachelier")["figures"]
    expected = bachelier_price(-5, -6, 0.5, 4)
    assert figures["price"]["value"] == pytest.approx(float(expected), rel=1e-12)


WRONG = {
    "too few numbers": ([100, 105], "SPOT STRIKE YEARS VOLATILITY"),
    "a dividend that is none": ([100, 105, 0.5, 0.2, "--american", "--dividend", "1.00"], "YEARS:AMOUNT"),
    "a dividend of no model": ([100, 105, 0.5, 0.2, "--american", "--dividend", "0.1:1"], "-model spot or"),
    "a European with cash": ([100, 105, 0.5, 0.2, "--dividend", "0.1:1"], "--american"),
    "a forward exercised early": ([100, 105, 0.5, 0.2, "--american", "--model", "black76"], "on a forward"),
    "a yield on a forward": ([100, 105, 0.5, 0.2, "--yield", "0.1", "--model", "black76"], "in the forward"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_refused(case):
    arguments, said = WRONG[case]
    assert said in workbench("price", *arguments, status=2)


def test_a_spot_below_zero_is_refused_as_a_spot():
    assert "`spot` is -5" in workbench("price", -5, 40, 0.5, 0.2, status=1)


def test_what_cannot_be_priced_is_one_sentence():
    text = workbench("price", "--", 100, -105, 0.5, 0.2, status=1)
    assert text.startswith("Error: ")
    assert "strike" in text


def test_a_chain_stands_with_calls_left_and_puts_right(demo_home, demo_desk):
    text = workbench("chain", "AAPL", home=demo_home)
    assert "AAPL options, AAPL 2013-04-20 PM, 50 days" in text
    assert "Call delta" in text
    assert "options modelled" in text
    row = demo_desk.chain("AAPL").query("strike == 430 and right == 'C'").iloc[0]
    assert f"{row['bid']:.2f}" in text


def test_a_chain_can_be_had_whole_as_csv_and_as_json(demo_home, demo_desk):
    chain = demo_desk.chain("AAPL")
    read = pd.read_csv(io.StringIO(workbench("chain", "AAPL", "--csv", home=demo_home)))
    assert list(read.columns) == list(chain.columns)
    assert len(read) == len(chain)
    rows = json.loads(workbench("chain", "AAPL", "--expiry", "2013-06-22", "--json", home=demo_home))
    assert {row["expiry"][:10] for row in rows} == {"2013-06-22"}


def test_expiries_and_surface_have_tables_of_their_own(demo_home, demo_desk):
    text = workbench("chain", "AAPL", "--expiries", home=demo_home)
    assert "2013-04-20" in text
    assert "parity" in text
    assert f"{demo_desk.expiries('AAPL')['atm_volatility'].iloc[0] * 100:.1f}" in text
    surface = workbench("chain", "AAPL", "--surface", home=demo_home)
    assert "25P" in surface
    assert "every" not in surface
    assert "2013-04-20" in workbench("chain", "AAPL", "--every", home=demo_home)


def test_a_surface_has_dates_without_a_time_of_day(demo_home):
    text = workbench("chain", "AAPL", "--surface", home=demo_home)
    assert "2013-04-20" in text
    assert "00:00:00" not in text


def test_json_keeps_every_digit_of_a_figure(demo_home, demo_desk):
    rows = json.loads(workbench("chain", "AAPL", "--expiries", "--json", home=demo_home))
    assert_allclose([row["years"] for row in rows], demo_desk.expiries("AAPL")["years"], rtol=1e-14)


def test_flags_of_one_kind_are_one_line_and_an_arbitrage_stays_whole():
    wide = [f"wide: {spread} from bid to ask around {mid}" for spread, mid in ((0.01, 0.015), (1e-3, 2))]
    trade = "arbitrage: the bid 2 is above 1, the most it can pay; the call is bid at 2, and so on"
    lines = _flag_lines([wide[0], "", f"stale: quotes of 2021-09-16; {wide[1]}", trade])
    assert lines == [
        "arbitrage: the bid 2 is above 1, the most it can pay (1 of 4 quotes)",
        "stale: quotes of 2021-09-16 (1 of 4 quotes)",
        "wide: 0.01 from bid to ask around 0.015, and the like (2 of 4 quotes)",
    ]


def test_a_price_of_one_option_waits_for_no_desk():
    """What it does not need takes most of a second to load."""
    command = (
        "import sys; from workbench.cli.main import main\n"
        "try: main(['price', '100', '105', '0.5', '0.2'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'workbench.desk', 'sqlalchemy', 'duckdb', 'scipy.special'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.rstrip().endswith("[]")


def test_an_unknown_chain_names_the_nearest(demo_home):
    assert "AAPL" in workbench("chain", "APPL", home=demo_home, status=1)
    assert "ask different questions" in workbench(
        "chain", "AAPL", "--expiries", "--surface", home=demo_home, status=2
    )
