"""The headline against figures worked out by hand, by numpy and by the standard library."""

import json
from datetime import date
from pathlib import Path
from statistics import mean, stdev

import bokeh_sampledata.stocks as samples
import numpy as np
import pandas as pd
import pytest

from workbench.backtest import (
    CONVENTIONS,
    HEADLINE_FIELDS,
    check_document,
    headline,
    moving_average_crossover,
    require_consistent,
    run_signals,
)
from workbench.errors import BacktestInputError


def curve(values, start="2021-01-04", freq="B"):
    return pd.Series(
        values, index=pd.date_range(start, periods=len(values), freq=freq, tz="UTC"), dtype=float
    )


def trades(*pairs):
    return pd.DataFrame(pairs, columns=["pnl", "pnl_pct"], dtype=float)


@pytest.fixture(scope="module")
def document():
    raw = pd.DataFrame(samples.AAPL)
    prices = raw[["open", "close"]].mul(raw["adj_close"] / raw["close"], axis=0)
    bars = prices.set_index(pd.DatetimeIndex(pd.to_datetime(raw["date"])).tz_localize("UTC"))
    result = run_signals(bars, *moving_average_crossover(bars), symbol="AAPL")
    return json.loads(json.dumps(result.document(), allow_nan=False))


def test_every_headline_figure_has_its_convention_beside_it():
    assert tuple(CONVENTIONS) == HEADLINE_FIELDS


def test_the_reference_page_states_the_same_conventions():
    page = (Path(__file__).parents[2] / "docs" / "backtests.md").read_text(encoding="utf-8")
    for name, words in CONVENTIONS.items():
        assert f"| `{name}` | {words}" in page


def test_four_trades_by_hand():
    """Won 300 and 100, lost 200, and one even: half of four won, 400 won for 200 lost."""
    four = trades((300, 3.0), (-200, -2.0), (100, 1.0), (0, 0.0))
    figures = headline(curve([1000, 1200]), four, initial_capital=1000).figures
    assert figures["total_trades"] == 4
    assert figures["win_rate"] == 50.0
    assert figures["avg_win_pct"] == 2.0
    assert figures["avg_loss_pct"] == -2.0
    assert figures["profit_factor"] == 2.0


def test_a_curve_by_hand():
    """From 100 up to 120, down to 90 (a quarter below its peak) and up to 110."""
    values = [100.0, 120.0, 90.0, 110.0]
    figures = headline(curve(values), trades(), initial_capital=100).figures
    returns = [0.2, 90 / 120 - 1, 110 / 90 - 1]
    assert figures["total_return_pct"] == pytest.approx(10.0)
    assert figures["max_drawdown_pct"] == pytest.approx(-25.0)
    assert figures["sharpe_ratio"] == pytest.approx(mean(returns) / stdev(returns) * 252**0.5)
    assert figures["annualized_return_pct"] == pytest.approx((1.1 ** (365.25 / 3) - 1) * 100)


def test_a_loss_on_the_first_bar_is_a_drawdown_from_the_capital():
    assert headline(curve([90, 95]), trades(), initial_capital=100).figures[
        "max_drawdown_pct"
    ] == pytest.approx(-10.0)


def test_intraday_bars_give_the_sharpe_ratio_of_their_days():
    daily = np.array([100.0, 103.0, 101.0, 106.0, 104.0])
    index = pd.date_range("2021-01-04", periods=5, freq="D", tz="UTC")
    noisy = pd.concat(
        [
            pd.Series(daily * 1.01, index=index + pd.Timedelta(hours=15)),
            pd.Series(daily, index=index + pd.Timedelta(hours=20)),
        ]
    ).sort_index()
    of_days = headline(pd.Series(daily, index=index), trades(), initial_capital=100)
    of_bars = headline(noisy, trades(), initial_capital=100)
    assert of_bars.figures["sharpe_ratio"] == pytest.approx(of_days.figures["sharpe_ratio"])


def test_a_figure_that_is_not_defined_is_null_and_says_why():
    found = headline(curve([100, 100, 100]), trades(), initial_capital=100)
    assert found.figures["sharpe_ratio"] is None
    assert found.reasons["sharpe_ratio"] == "daily returns do not vary"
    assert found.figures["win_rate"] is None
    assert found.reasons["win_rate"] == "no closed trades"
    only_wins = headline(curve([100, 101]), trades((1, 1)), initial_capital=100)
    assert only_wins.figures["profit_factor"] is None
    assert only_wins.reasons["profit_factor"] == "no losing trades"
    assert only_wins.reasons["sharpe_ratio"] == "fewer than two daily returns"
    one_bar = headline(curve([100]), trades(), initial_capital=100)
    assert one_bar.reasons["annualized_return_pct"].startswith("the curve is too short")


def test_the_document_has_the_fields_of_the_specification_and_holds_together(document):
    assert tuple(document["results"]) == HEADLINE_FIELDS
    assert set(document["equity_curve"][0]) == {"date", "value"}
    assert list(document["trades"][0]) == [
        "entry_date",
        "exit_date",
        "symbol",
        "side",
        "entry_price",
        "exit_price",
        "quantity",
        "pnl",
        "pnl_pct",
    ]
    assert document["parameters"]["start_date"] == document["equity_curve"][0]["date"] == "2000-03-01"
    assert document["parameters"]["initial_capital"] == 100_000
    assert document["parameters"]["commission"] == 0.001
    assert check_document(document) == ()


def test_equal_runs_give_equal_bytes(document):
    times = pd.date_range("2021-01-01", periods=5)
    bars = pd.DataFrame({"open": [1, 2, 3, 4, 5.0], "close": [1, 2, 3, 4, 5.0]}, index=times)
    entries, exits = np.array([True, False, False, False, False]), np.array([False] * 3 + [True, False])
    texts = {json.dumps(run_signals(bars, entries, exits).document(), allow_nan=False) for _ in range(3)}
    assert len(texts) == 1


def test_documents_of_runs_without_trades_are_json_and_hold_together():
    times = pd.date_range("2021-01-01", periods=3)
    bars = pd.DataFrame({"open": [1.0, 1, 1], "close": [1.0, 1, 1]}, index=times)
    empty = run_signals(bars, np.zeros(3, bool), np.zeros(3, bool)).document()
    assert empty["results"]["profit_factor"] is None
    assert empty["reasons"]["profit_factor"] == "no closed trades"
    assert check_document(json.loads(json.dumps(empty, allow_nan=False))) == ()


@pytest.mark.parametrize("name", HEADLINE_FIELDS)
def test_each_figure_that_was_touched_by_hand_is_named(document, name):
    touched = {**document, "results": {**document["results"], name: document["results"][name] + 1}}
    findings = check_document(touched)
    assert len(findings) == 1
    assert f"`{name}`" in findings[0]
    with pytest.raises(BacktestInputError, match=f"contradicts itself: `{name}` is"):
        require_consistent(touched)


def test_figures_rounded_for_people_still_hold_together(document):
    rounded = {name: round(value, 1) for name, value in document["results"].items()}
    assert check_document({**document, "results": rounded}) == ()


# The specification's sample result: the headline, the first two points of the curve, one trade.
SAMPLE = {
    "strategy_id": "uuid",
    "backtest_id": "uuid",
    "parameters": {
        "start_date": "2020-01-01",
        "end_date": "2024-12-31",
        "initial_capital": 100000,
        "commission": 0.001,
    },
    "results": {
        "total_return_pct": 87.3,
        "annualized_return_pct": 16.2,
        "sharpe_ratio": 1.4,
        "max_drawdown_pct": -14.2,
        "win_rate": 61,
        "total_trades": 342,
        "avg_win_pct": 4.2,
        "avg_loss_pct": -2.8,
        "profit_factor": 2.1,
    },
}
SAMPLE_TRADE = {
    "entry_date": "2020-01-15",
    "exit_date": "2020-01-20",
    "symbol": "AAPL",
    "side": "long",
    "entry_price": 295.50,
    "exit_price": 308.20,
    "quantity": 100,
    "pnl": 1270,
    "pnl_pct": 4.3,
}
SAMPLE_CURVE = [{"date": "2020-01-01", "value": 100000}, {"date": "2020-01-02", "value": 100500}]


def test_the_samples_headline_claims_more_a_year_than_its_total_gives():
    """+87.3 % from 2020 to 2024 is 13.4 % a year, not 16.2; 61 % wins suggest a factor of 2.3."""
    assert (1.873 ** (365.25 / (date(2024, 12, 31) - date(2020, 1, 1)).days) - 1) == pytest.approx(
        0.134, abs=5e-4
    )
    findings = " ".join(check_document(SAMPLE))
    assert "16.2; a total return of 87.3 % from 2020-01-01 to 2024-12-31 is 13.4 % a year" in findings
    assert "`profit_factor` is 2.1" in findings
    assert "suggest 2.3" in findings
    with pytest.raises(BacktestInputError, match=r"13\.4 % a year"):
        require_consistent(SAMPLE)


def test_the_sample_with_its_curve_and_trade_contradicts_them():
    findings = check_document({**SAMPLE, "equity_curve": SAMPLE_CURVE, "trades": [SAMPLE_TRADE]})
    text = " ".join(findings)
    assert "`total_return_pct` is 87.3; curve and trades give 0.5." in text
    assert "`total_trades` is 342; curve and trades give 1." in text
    assert "`end_date` is 2024-12-31; the curve ends on 2020-01-02." in text


def test_the_samples_trade_is_right():
    """(308.20 - 295.50) x 100 = 1270, which is 4.3 % of its entry value."""
    results = {
        "total_return_pct": 1.27,
        "annualized_return_pct": headline(
            curve([100000, 101270], "2020-01-01", "D"), trades(), initial_capital=100000
        ).figures["annualized_return_pct"],
        "sharpe_ratio": None,
        "max_drawdown_pct": 0.0,
        "win_rate": 100,
        "total_trades": 1,
        "avg_win_pct": 4.3,
        "avg_loss_pct": None,
        "profit_factor": None,
    }
    points = [{"date": "2020-01-01", "value": 100000}, {"date": "2020-01-02", "value": 101270}]
    parameters = {"initial_capital": 100000}
    good = {"parameters": parameters, "results": results, "equity_curve": points, "trades": [SAMPLE_TRADE]}
    assert check_document(good) == ()
    wrong = {**SAMPLE_TRADE, "pnl": 1370}
    assert "Trade 0: `pnl` is 1370" in check_document({**good, "trades": [wrong]})[0]
    wrong = {**SAMPLE_TRADE, "pnl_pct": 4.4}
    assert "Trade 0: `pnl_pct` is 4.4" in check_document({**good, "trades": [wrong]})[0]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ([], "a result document is an object"),
        ({"results": None}, "`results` and `parameters` must be objects"),
        ({"results": {}}, "`sharpe_ratio` is missing"),
        (
            {"results": SAMPLE["results"] | {"sharpe_ratio": "1.4"}},
            "`sharpe_ratio` is '1.4', which is no",
        ),
        ({"equity_curve": None}, "`equity_curve` is missing"),
        ({"equity_curve": [{"date": "today", "value": 1}]}, "point 0 is"),
        ({"equity_curve": [{"date": "2020-01-01", "value": -1}]}, "a value above zero"),
        ({"equity_curve": [{"date": "2020-01-01", "value": 10**400}]}, "a value above zero"),
        ({"equity_curve": [*SAMPLE_CURVE[::-1]]}, "do not ascend"),
        ({"trades": None}, "`trades` is missing"),
        ({"trades": ["x"]}, "Trade 0: it needs entry_date"),
        ({"trades": [SAMPLE_TRADE | {"exit_date": "2019-01-01"}]}, "begins on '2020-01-15' and ends on"),
        ({"trades": [SAMPLE_TRADE | {"side": "up"}]}, "`side` is 'up'"),
        ({"trades": [SAMPLE_TRADE | {"quantity": 0}]}, "numbers above zero"),
    ],
)
def test_what_is_no_result_document_is_described(changed, sentence):
    whole = SAMPLE | {"equity_curve": SAMPLE_CURVE, "trades": [SAMPLE_TRADE]}
    document = whole | changed if isinstance(changed, dict) else changed
    assert sentence in " ".join(check_document(document))
