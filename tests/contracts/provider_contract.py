"""What every provider must keep, whatever it reads from: one suite that each provider's tests inherit.

A test class names the `kinds` that its provider promises and gives a fixture `promised`. Tests that ask for a
kind are there for those who promise it; for every other kind a test holds that it is refused in words. So no
test is ever skipped::

    class TestSample(ProviderContract):
        kinds = ("bars", "corporate_actions")

        @pytest.fixture
        def promised(self):
            known = ("2013-03-01", 430.47)
            return Promised(SampleProvider(), "AAPL", "APPL", "2000-03-01", "2013-03-01", known)

What is known of the further kinds stands in `Promised.known`, one `Known` a kind.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DateInputError, MissingDataError, UnknownSymbolError, UnsupportedError
from workbench.market import (
    ACTION_COLUMNS,
    BARS,
    EARNINGS,
    METRICS,
    NEWS,
    OPTION_QUOTES,
    QUOTES,
    RATES,
    TRADES,
    check_bars,
    check_earnings,
    check_metrics,
    check_news,
    check_option_quotes,
    check_quotes,
    check_rates,
    check_trades,
    frame_schema,
    is_option_symbol,
)
from workbench.providers import Provider

# Columns, rules, and what tells one row from another, of each kind that has a frame.
FRAMES: Mapping[str, tuple[Any, Callable[[pd.DataFrame], Any], tuple[str, ...]]] = {
    "bars": (BARS, check_bars, ("symbol", "time")),
    "quotes": (QUOTES, check_quotes, ("symbol", "time", "sequence")),
    "trades": (TRADES, check_trades, ("symbol", "time", "trade_id")),
    "latest_quotes": (QUOTES, check_quotes, ("symbol",)),
    "option_chain": (OPTION_QUOTES, check_option_quotes, ("symbol",)),
    "news": (NEWS, check_news, ("source_id",)),
    "earnings": (EARNINGS, check_earnings, ("symbol", "fiscal_period")),
    "rates": (RATES, check_rates, ("curve", "date", "years")),
    "metrics": (METRICS, check_metrics, ("symbol", "time", "name")),
}
KINDS = (*FRAMES, "corporate_actions", "stream")
# Where the desk keeps what is not called as its kind.
TABLE_OF = {"bars": "daily_bars", "latest_quotes": "quotes", "option_chain": "option_quotes"}
# Kinds that are asked for a period, and the column that says when.
WHEN = {
    "bars": "time",
    "corporate_actions": "ex_date",
    "quotes": "time",
    "trades": "time",
    "news": "time",
    "earnings": "date",
    "rates": "date",
}
# Kinds about symbols that a provider knows: a misspelt one is answered with the nearest.
OF_SYMBOLS = ("bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain")
# Answers about this moment: two of them need not be the same.
OF_NOW = ("latest_quotes", "option_chain", "metrics")


@dataclass(frozen=True)
class Known:
    """What is known from elsewhere to be in the answer to one question.

    `row` holds fields of one row and their exact values, `start` and `end` the period to ask for (dates or
    instants; a row of `row` lies in it), `symbol` whom to ask for, where it is not the provider's usual one.
    """

    row: Mapping[str, Any]
    start: str | None = None
    end: str | None = None
    symbol: str | None = None
    ask: Callable[[], pd.DataFrame] | None = None


@dataclass(frozen=True)
class Promised:
    """A provider, and what is known from elsewhere to be in it.

    `first`, `last` and `close` are about its bars of `interval`, and not needed without any.
    """

    provider: Provider
    symbol: str
    misspelt: str
    first: str = ""
    last: str = ""
    close: tuple[str, float] = ("", 0.0)
    interval: str = "1d"
    known: Mapping[str, Known] = field(default_factory=dict)


def asks(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test that is there only for providers of some of these kinds, once for each."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.asks = kinds  # type: ignore[attr-defined]
        return test

    return mark


class ProviderContract:
    """Inherit this, name the `kinds` and give a fixture `promised`."""

    kinds: ClassVar[Collection[str]] = ("bars", "corporate_actions")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        unknown = set(cls.kinds) - set(KINDS)
        assert not unknown, f"{cls.__name__} names kinds that nobody knows: {unknown}"
        for name in dir(cls):
            wanted = getattr(getattr(cls, name), "asks", None)
            if wanted is not None and not set(wanted) & set(cls.kinds):
                setattr(cls, name, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        wanted = getattr(metafunc.function, "asks", None)
        if "kind" in metafunc.fixturenames and wanted is not None:
            metafunc.parametrize("kind", [kind for kind in wanted if kind in metafunc.cls.kinds])
        if "lacking" in metafunc.fixturenames:
            metafunc.parametrize("lacking", [kind for kind in KINDS if kind not in metafunc.cls.kinds])
        parent: Any = super()
        if hasattr(parent, "pytest_generate_tests"):
            parent.pytest_generate_tests(metafunc)

    @pytest.fixture
    def promised(self) -> Promised:
        raise NotImplementedError("give a provider and what it is known to hold")

    # -- all ---------------------------------------------------------------------------------------------

    def test_it_follows_the_protocol_and_names_its_source(self, promised):
        provider = promised.provider
        assert isinstance(provider, Provider)
        assert provider.name
        assert provider.name == provider.name.lower()
        assert provider.label
        assert provider.modelled in (True, False)

    def test_it_says_which_kinds_it_has(self, promised):
        assert set(promised.provider.kinds) == set(self.kinds)

    def test_what_it_does_not_have_is_refused_in_words(self, promised, lacking):
        with pytest.raises(UnsupportedError, match=r".* has no .*; it has .+"):
            answer(promised, lacking)

    def test_it_says_which_rows_it_could_not_read(self, promised):
        bad = promised.provider.quarantined()
        assert list(bad.columns) == ["file", "line", "symbol", "reason", "text"]

    # -- each kind ---------------------------------------------------------------------------------------

    @asks(*FRAMES)
    def test_answers_are_of_the_one_shape_and_keep_the_rules(self, promised, kind):
        columns, check, key = FRAMES[kind]
        found = answer(promised, kind)
        assert list(found.columns) == [column.name for column in columns]
        frame_schema(columns).validate(found)
        good, bad = check(found)
        assert bad.empty
        assert len(good) == len(found) > 0
        assert not found.duplicated(list(key)).any()
        assert list(found.index) == list(range(len(found)))

    @asks(*(kind for kind in FRAMES if kind != "bars"))
    def test_a_known_row_is_there(self, promised, kind):
        assert kind in promised.known, f"say in `known` what the {kind} hold"
        row = promised.known[kind].row
        found = answer(promised, kind)
        same = pd.Series(True, index=found.index)
        for name, value in row.items():
            same &= found[name].isna() if value is None else found[name] == _comparable(found[name], value)
        assert same.sum() == 1, f"{dict(row)} is not once in\n{found.to_string()}"

    @asks(*WHEN)
    def test_rows_come_in_order_of_symbol_and_time(self, promised, kind):
        found = answer(promised, kind)
        by = [name for name in ("symbol", WHEN[kind]) if name in found]
        assert found[by].equals(found[by].sort_values(by, kind="stable"))

    @asks(*(kind for kind in (*FRAMES, "corporate_actions") if kind not in OF_NOW))
    def test_asking_twice_gives_the_same(self, promised, kind):
        pd.testing.assert_frame_equal(answer(promised, kind), answer(promised, kind))

    @asks(*WHEN)
    def test_a_period_without_rows_is_empty_and_of_the_same_shape(self, promised, kind):
        found = answer(promised, kind, "1951-01-01", "1951-02-01")
        assert found.empty
        if kind == "corporate_actions":
            assert list(found.columns) == list(ACTION_COLUMNS)
        else:
            assert list(found.columns) == [column.name for column in FRAMES[kind][0]]
            frame_schema(FRAMES[kind][0]).validate(found)

    @asks(*WHEN)
    def test_a_backward_period_is_refused(self, promised, kind):
        with pytest.raises(DateInputError, match="swap"):
            answer(promised, kind, "2012-02-01", "2012-01-01")

    @asks(*WHEN)
    def test_a_date_that_is_none_is_refused(self, promised, kind):
        with pytest.raises(DateInputError, match="no date"):
            answer(promised, kind, "yesterweek", None)

    @asks(*OF_SYMBOLS)
    def test_a_misspelt_symbol_is_answered_with_the_nearest(self, promised, kind):
        known = promised.known.get(kind)
        near = promised.symbol if known is None or known.symbol is None else known.symbol
        # Of an option the underlying is what can be misspelt.
        near = near if not is_option_symbol(near) else promised.symbol
        with pytest.raises(UnknownSymbolError, match=near):
            answer(promised, kind, symbol=promised.misspelt)

    @asks("quotes", "trades")
    def test_instants_are_exact_and_both_included(self, promised, kind):
        row = answer(promised, kind).iloc[0]
        found = answer(promised, kind, row["time"], row["time"], symbol=row["symbol"])
        assert len(found) >= 1
        assert (found["time"] == row["time"]).all()

    @asks(*FRAMES)
    def test_its_rows_land_in_a_desk_and_a_second_time_nothing_does(self, promised, kind, desk):
        expected = answer(promised, kind)
        known = promised.known.get(kind, Known({}))
        start, end = known.start, known.end
        if kind == "bars":
            start, end = promised.first[:10] or None, promised.last[:10] or None
        whom = known.symbol or promised.symbol
        if kind == "option_chain":
            whom = expected["underlying"].iloc[0]
        asked = {"start": start, "end": end, "interval": promised.interval, "kinds": (kind,)}
        landed = desk.ingest(promised.provider, [whom], **asked)
        table = TABLE_OF.get(kind, kind)
        if kind == "bars" and promised.interval != "1d":
            table = "intraday_bars"
        held = desk._lake.read(table)
        key = [name for name in FRAMES[kind][2] if name in held]
        wanted = pd.MultiIndex.from_frame(expected[key].astype(str))
        there = pd.MultiIndex.from_frame(held[key].astype(str))
        assert wanted.isin(there).all(), f"{landed.to_string()}\n{getattr(landed, 'complaints', '')}"
        if kind not in OF_NOW:  # what is of this moment may be another moment's by now
            again = desk.ingest(promised.provider, [whom], **asked)
            assert int(again["new"].sum()) == 0
            assert len(desk._lake.read(table)) == len(held)

    # -- bars --------------------------------------------------------------------------------------------

    @asks("bars")
    def test_symbols_come_in_order_and_once(self, promised):
        held = promised.provider.symbols()
        assert held == sorted(set(held))
        assert promised.symbol in held

    @asks("bars")
    def test_a_known_close_and_the_known_range_are_there(self, promised):
        bars = answer(promised, "bars").set_index("time")
        assert bars.index[0] == pd.Timestamp(promised.first, tz="UTC")
        assert bars.index[-1] == pd.Timestamp(promised.last, tz="UTC")
        instant, close = promised.close
        assert bars["close"][pd.Timestamp(instant, tz="UTC")] == close

    @asks("bars")
    def test_both_dates_are_included(self, promised):
        day = promised.close[0][:10]
        bars = answer(promised, "bars", day, day)
        assert len(bars) >= 1
        assert (bars["time"].dt.strftime("%Y-%m-%d") == day).all()

    @asks("bars")
    def test_an_interval_that_is_not_there_is_answered_with_those_that_are(self, promised):
        with pytest.raises(MissingDataError, match=f"'{promised.interval}'"):
            promised.provider.bars([promised.symbol], interval="7m")

    # -- corporate actions -------------------------------------------------------------------------------

    @asks("corporate_actions")
    def test_actions_have_naive_dates_and_possible_values(self, promised):
        actions = answer(promised, "corporate_actions")
        assert list(actions.columns) == list(ACTION_COLUMNS)
        assert actions["ex_date"].dt.tz is None
        assert set(actions["kind"]) <= {"split", "dividend"}
        assert (actions["value"] > 0).all()
        assert np.isfinite(actions["value"]).all()

    # -- chains ------------------------------------------------------------------------------------------

    @asks("option_chain")
    def test_a_chain_is_of_one_underlying_and_says_whether_it_is_modelled(self, promised):
        chain = answer(promised, "option_chain")
        assert chain["underlying"].nunique() == 1
        assert (chain["modelled"] == promised.provider.modelled).all()
        assert (chain["symbol"].str.len() == 21).all()


_UNSAID: Any = object()


def answer(
    promised: Promised, kind: str, start: Any = _UNSAID, end: Any = _UNSAID, symbol: str | None = None
) -> pd.DataFrame:
    """Ask a provider for one kind: what is known to be there, unless a period or a symbol is given."""
    provider: Any = promised.provider
    known = promised.known.get(kind, Known({}))
    if known.ask is not None and start is _UNSAID and symbol is None:
        return known.ask()
    whom = [symbol or known.symbol or promised.symbol]
    if start is _UNSAID:
        start, end = known.start, known.end
        if kind == "bars":
            start, end = promised.first[:10] or None, promised.last[:10] or None
    given = {
        "bars": (whom, start, end, promised.interval),
        "stream": (("quotes",),),
        "rates": (start, end),
        "option_chain": (whom[0],),
    }.get(kind, (whom, start, end) if kind in WHEN else (whom,))
    return getattr(provider, kind)(*given)


def _comparable(column: pd.Series, value: Any) -> Any:
    if column.dtype.kind != "M" or not isinstance(value, str):
        return value
    return pd.Timestamp(value, tz="UTC" if column.dt.tz is not None else None)
