"""Frames at the border: rows that keep the rules go on, the others are set aside with reasons."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from workbench.market.columns import (
    BARS,
    EARNINGS,
    FILLS,
    METRICS,
    NEWS,
    OPTION_QUOTES,
    PRICE_COLUMNS,
    QUOTES,
    RATES,
    TRADES,
    VENDOR_COLUMNS,
    Column,
    frame_schema,
    names,
)
from workbench.market.row_rules import (
    LARGEST,
    Checked,
    Rules,
    above,
    absent,
    below,
    quarantined_rows,
    require_columns,
)
from workbench.market.sound_bars import are_sound, as_table

__all__ = [
    "BARS", "EARNINGS", "FILLS", "METRICS", "NEWS", "OPTION_QUOTES", "PRICE_COLUMNS", "QUOTES", "RATES",
    "TRADES", "VENDOR_COLUMNS", "Checked", "Column", "are_bars_sound", "check_bars", "check_earnings",
    "check_fills", "check_metrics", "check_news", "check_option_quotes", "check_quotes", "check_rates",
    "check_trades", "frame_schema", "names", "quarantined_rows",
]  # fmt: skip

# Vendors round and adjust in floating point; a high that misses the close by this much is no error.
_ROUNDING = 1e-8
_SMALLEST_QUANTITY = 1e-9


def are_bars_sound(rows: pa.Table) -> bool:
    """Say whether a table of bars keeps every rule of `check_bars`, as far as a short look can tell.

    Parameters
    ----------
    rows : Table
        As `workbench.market.sound_bars.are_sound` takes them.

    Returns
    -------
    bool
        False says nothing: `check_bars` has to look row by row.
    """
    return are_sound(rows, largest_price=LARGEST["price"], largest_volume=LARGEST["volume"])


def check_bars(frame: pd.DataFrame) -> Checked:
    """Split bars into rows that keep the rules and rows for quarantine.

    A row needs a symbol, a time and four finite, positive prices, the highest in `high` and the lowest
    in `low`; its volume is missing, zero or more. Of rows with one symbol and time the last is kept.

    Parameters
    ----------
    frame : DataFrame
        Columns of `BARS`; also `line` where the rows come from a file.

    Returns
    -------
    Checked
        `good` in the columns of `BARS` (and `line` if it was there), `bad` with line (or the row counted
        from 1), symbol, reason and text.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    frame = require_columns(frame, BARS)
    if are_bars_sound(as_table(frame)):
        kept = names(BARS) + (["line"] if "line" in frame else [])
        return Checked(frame[kept].reset_index(drop=True), quarantined_rows())
    rules = Rules(frame)
    rules.missing("symbol", "time", *PRICE_COLUMNS)
    rules.unless_a_symbol()
    for name in PRICE_COLUMNS:
        rules.unless_positive(name)
    rules.unless_within("price", *PRICE_COLUMNS)
    rules.unless_within("volume", "volume")
    high, low = rules.values("high"), rules.values("low")
    # An infinite price is refused above; here its difference to itself has no value, which is no finding.
    with np.errstate(invalid="ignore"):
        for name in ("open", "close", "low"):
            other = rules.values(name)
            rules.refuse(high < other - _ROUNDING * np.abs(other), below("high", name))
        for name in ("open", "close"):
            other = rules.values(name)
            rules.refuse(low > other + _ROUNDING * np.abs(other), above("low", name))
    rules.unless_zero_or_more("volume")
    rules.repeated(["symbol", "time"])
    return rules.split(BARS)


def check_option_quotes(frame: pd.DataFrame, *, zone: str = "America/New_York") -> Checked:
    """Split option quotes into rows that keep the rules and rows for quarantine.

    Missing bids, asks, sizes and open interest are facts and stay missing. A bid above the ask, or a row
    without any price, is kept and says so in `flag`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `OPTION_QUOTES`; also `line` where the rows come from a file.
    zone : str
        Time zone in which the expiration date ends.

    Returns
    -------
    Checked
        As `check_bars` returns.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    frame = require_columns(frame, OPTION_QUOTES)
    rules = Rules(frame)
    rules.missing("underlying", "time", "expiry", "right", "strike")
    rules.unless_positive("strike")
    complete = ~rules.refused
    rules.refuse(
        complete & absent(frame["symbol"]),
        lambda row: f"strike {row.strike:g} of {row.underlying} does not fit an OCC symbol",
    )
    for name in ("bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest"):
        rules.unless_zero_or_more(name)
    rules.unless_within("price", "strike", "bid", "ask", "last", "underlying_price")
    rules.unless_positive("underlying_price")
    rules.unless_positive("multiplier")
    day = frame["time"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    rules.refuse(
        np.asarray(frame["expiry"] < day),
        lambda row: f"expired on {row.expiry:%Y-%m-%d}, before the quote of {row.time:%Y-%m-%d %H:%M} UTC",
    )
    rules.repeated(["symbol", "time"])
    flagged = frame.assign(flag=pd.array(_quote_flags(frame), dtype="str"))
    return rules.split(OPTION_QUOTES, flagged)


def check_fills(frame: pd.DataFrame) -> Checked:
    """Split fills into rows that keep the rules and rows for quarantine.

    Parameters
    ----------
    frame : DataFrame
        Columns of `FILLS`, amounts as Decimal; also `line` where the rows come from a file.

    Returns
    -------
    Checked
        As `check_bars` returns.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    frame = require_columns(frame, FILLS)
    rules = Rules(frame)
    rules.missing("fill_id", "account", "time", "symbol", "quantity", "price", "fees", "currency")
    rules.unless_a_symbol()
    nothing = np.abs(rules.values("quantity")) < _SMALLEST_QUANTITY
    rules.refuse(nothing, lambda row: f"`quantity` is {row.quantity:g}; a fill buys or sells something")
    rules.unless_zero_or_more("price")
    rules.unless_within("quantity", "quantity", "fees")
    rules.unless_within("price", "price")
    rules.repeated(["fill_id"])
    return rules.split(FILLS)


def check_quotes(frame: pd.DataFrame) -> Checked:
    """Split quotes of the top of the book into rows that keep the rules and rows for quarantine.

    A row needs a symbol, a time and at least one side with a positive price; a bid above the ask is kept.

    Parameters
    ----------
    frame : DataFrame
        Columns of `QUOTES`; also `line` where the rows come from a file.

    Returns
    -------
    Checked
        As `check_bars` returns.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    frame = require_columns(frame, QUOTES)
    rules = Rules(frame)
    rules.missing("symbol", "time")
    rules.unless_a_symbol()
    for name in ("bid", "ask"):
        rules.unless_positive(name)
    rules.unless_within("price", "bid", "ask")
    neither = np.isnan(rules.values("bid")) & np.isnan(rules.values("ask"))
    rules.refuse(neither, lambda row: "neither `bid` nor `ask` is there")
    for name in ("bid_size", "ask_size"):
        rules.unless_zero_or_more(name)
    rules.repeated(["symbol", "time", "sequence"])
    return rules.split(QUOTES)


def check_trades(frame: pd.DataFrame) -> Checked:
    """Split trades into rows that keep the rules and rows for quarantine; see `check_quotes`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `TRADES`; also `line` where the rows come from a file.
    """
    frame = require_columns(frame, TRADES)
    rules = Rules(frame)
    rules.missing("symbol", "time", "trade_id", "price")
    rules.unless_a_symbol()
    rules.unless_positive("price")
    rules.unless_within("price", "price")
    rules.unless_zero_or_more("size")
    rules.unless_within("volume", "size")
    rules.repeated(["symbol", "time", "trade_id"])
    return rules.split(TRADES)


def check_news(frame: pd.DataFrame) -> Checked:
    """Split news and posts into rows that keep the rules and rows for quarantine; see `check_quotes`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `NEWS`.
    """
    frame = require_columns(frame, NEWS)
    rules = Rules(frame)
    rules.missing("source_id", "time", "headline")
    rules.unless_one_of("kind", ("news", "post"))
    outside = np.abs(rules.values("sentiment")) > 1
    rules.refuse(outside, lambda row: f"`sentiment` is {row.sentiment:g}; it lies from -1 to 1")
    rules.repeated(["source_id"])
    return rules.split(NEWS)


def check_earnings(frame: pd.DataFrame) -> Checked:
    """Split earnings dates into rows that keep the rules and rows for quarantine; see `check_quotes`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `EARNINGS`.
    """
    frame = require_columns(frame, EARNINGS)
    rules = Rules(frame)
    rules.missing("symbol", "date", "fiscal_period")
    rules.unless_a_symbol()
    rules.unless_one_of("session", ("before_open", "after_close", "during", "unknown"))
    rules.repeated(["symbol", "fiscal_period"])
    return rules.split(EARNINGS)


def check_rates(frame: pd.DataFrame) -> Checked:
    """Split interest rates into rows that keep the rules and rows for quarantine; see `check_quotes`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `RATES`.
    """
    frame = require_columns(frame, RATES)
    rules = Rules(frame)
    rules.missing("curve", "date", "years", "rate")
    rules.unless_positive("years")
    # Past one somebody wrote per cent.
    rules.refuse(
        ~(np.abs(rules.values("rate")) <= 1) & ~np.isnan(rules.values("rate")),
        lambda row: f"`rate` is {row.rate:g}; give a fraction, 0.05 for 5 %",
    )
    rules.repeated(["curve", "date", "years"])
    return rules.split(RATES)


def check_metrics(frame: pd.DataFrame) -> Checked:
    """Split figures about symbols into rows that keep the rules and rows for quarantine; see `check_quotes`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `METRICS`.
    """
    frame = require_columns(frame, METRICS)
    rules = Rules(frame)
    rules.missing("symbol", "time", "name", "value")
    rules.unless_a_symbol()
    rules.refuse(np.isinf(rules.values("value")), lambda row: f"`value` is {row.value}; give a number")
    rules.repeated(["symbol", "time", "name"])
    return rules.split(METRICS)


def _quote_flags(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    bid, ask, last = (frame[name].to_numpy(dtype=np.float64) for name in ("bid", "ask", "last"))
    no_price = np.isnan(bid) & np.isnan(ask) & np.isnan(last)
    flags = np.full(len(frame), None, dtype=object)
    flags[no_price] = "no_price"
    flags[bid > ask] = "crossed"
    return flags
