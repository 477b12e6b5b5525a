"""What every provider must keep, whatever it reads from: one suite that each provider's tests inherit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DateInputError, MissingDataError, UnknownSymbolError
from workbench.market import ACTION_COLUMNS, BARS, check_bars, frame_schema
from workbench.providers import Provider


@dataclass(frozen=True)
class Promised:
    """A provider, and what is known from elsewhere to be in it."""

    provider: Provider
    symbol: str
    misspelt: str
    first: str
    last: str
    close: tuple[str, float]
    interval: str = "1d"


class ProviderContract:
    """Inherit this and give a fixture `promised`."""

    @pytest.fixture
    def promised(self) -> Promised:
        raise NotImplementedError("give a provider and what it is known to hold")

    def test_it_follows_the_protocol_and_names_its_source(self, promised):
        provider = promised.provider
        assert isinstance(provider, Provider)
        assert provider.name
        assert provider.name == provider.name.lower()
        assert provider.label
        assert provider.modelled in (True, False)

    def test_it_says_which_rows_it_could_not_read(self, promised):
        bad = promised.provider.quarantined()
        assert list(bad.columns) == ["file", "line", "symbol", "reason", "text"]

    def test_symbols_come_in_order_and_once(self, promised):
        held = promised.provider.symbols()
        assert held == sorted(set(held))
        assert promised.symbol in held

    def test_bars_are_of_the_one_shape_and_keep_the_rules(self, promised):
        bars = promised.provider.bars([promised.symbol], interval=promised.interval)
        assert list(bars.columns) == [column.name for column in BARS]
        frame_schema(BARS).validate(bars)
        good, bad = check_bars(bars)
        assert bad.empty
        assert len(good) == len(bars)
        assert bars["time"].is_monotonic_increasing

    def test_a_known_close_and_the_known_range_are_there(self, promised):
        bars = promised.provider.bars([promised.symbol], interval=promised.interval).set_index("time")
        assert bars.index[0] == pd.Timestamp(promised.first, tz="UTC")
        assert bars.index[-1] == pd.Timestamp(promised.last, tz="UTC")
        instant, close = promised.close
        assert bars["close"][pd.Timestamp(instant, tz="UTC")] == close

    def test_asking_twice_gives_the_same(self, promised):
        ask = [[promised.symbol], promised.first[:10], promised.last[:10], promised.interval]
        pd.testing.assert_frame_equal(promised.provider.bars(*ask), promised.provider.bars(*ask))

    def test_both_dates_are_included(self, promised):
        day = promised.close[0][:10]
        bars = promised.provider.bars([promised.symbol], day, day, promised.interval)
        assert len(bars) >= 1
        assert (bars["time"].dt.strftime("%Y-%m-%d") == day).all()

    def test_a_period_without_bars_is_empty_and_of_the_same_shape(self, promised):
        bars = promised.provider.bars([promised.symbol], "1951-01-01", "1951-02-01", promised.interval)
        assert bars.empty
        frame_schema(BARS).validate(bars)
        actions = promised.provider.corporate_actions([promised.symbol], "1951-01-01", "1951-02-01")
        assert actions.empty
        assert list(actions.columns) == list(ACTION_COLUMNS)

    def test_a_backward_period_is_refused(self, promised):
        with pytest.raises(DateInputError, match="swap"):
            promised.provider.bars([promised.symbol], "2012-02-01", "2012-01-01", promised.interval)

    def test_a_misspelt_symbol_is_answered_with_the_nearest(self, promised):
        with pytest.raises(UnknownSymbolError, match=promised.symbol):
            promised.provider.bars([promised.misspelt], interval=promised.interval)
        with pytest.raises(UnknownSymbolError, match=promised.symbol):
            promised.provider.corporate_actions([promised.misspelt])

    def test_an_interval_that_is_not_there_is_answered_with_those_that_are(self, promised):
        with pytest.raises(MissingDataError, match=f"'{promised.interval}'"):
            promised.provider.bars([promised.symbol], interval="7m")

    def test_actions_have_naive_dates_and_possible_values(self, promised):
        actions = promised.provider.corporate_actions([promised.symbol])
        assert list(actions.columns) == list(ACTION_COLUMNS)
        assert actions["ex_date"].dt.tz is None
        assert set(actions["kind"]) <= {"split", "dividend"}
        assert (actions["value"] > 0).all()
        assert np.isfinite(actions["value"]).all()
