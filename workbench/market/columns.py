"""The columns of the desk's frames: name, type and meaning of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a frame: its name, type and meaning.

    `dtype` is "text", "float", "instant" (UTC), "day" (naive midnight), "flag" (bool), "whole" (int) or
    "decimal".
    """

    name: str
    dtype: str
    meaning: str
    required: bool = True


BARS = (
    Column("symbol", "text", "Ticker, or OCC symbol of an option."),
    Column("time", "instant", "Opening edge of the bar; a daily bar's session date at 00:00 UTC."),
    Column("open", "float", "First price of the bar, raw."),
    Column("high", "float", "Highest price of the bar, raw."),
    Column("low", "float", "Lowest price of the bar, raw."),
    Column("close", "float", "Last price of the bar, raw."),
    Column("volume", "float", "Shares or contracts traded; missing where the source has none.", False),
    Column("vwap", "float", "Average price by volume, raw; missing where the source has none.", False),
)

OPTION_QUOTES = (
    Column("symbol", "text", "OCC symbol of 21 characters."),
    Column("underlying", "text", "Ticker of what the option is on."),
    Column("time", "instant", "Instant of the quote."),
    Column("expiry", "day", "Expiration date of the symbol."),
    Column("strike", "float", "Strike, currency per share."),
    Column("right", "text", "C or P."),
    Column("bid", "float", "Best bid per share; missing where nobody bid.", False),
    Column("ask", "float", "Best ask per share; missing where nobody offered.", False),
    Column("last", "float", "Last trade per share.", False),
    Column("bid_size", "float", "Contracts bid for.", False),
    Column("ask_size", "float", "Contracts offered.", False),
    Column("volume", "float", "Contracts traded in the session.", False),
    Column("open_interest", "float", "Contracts open; missing is not zero.", False),
    Column("underlying_price", "float", "Price of the underlying at the quote.", False),
    Column("vendor_implied_volatility", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_delta", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_gamma", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_theta", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_vega", "float", "The vendor's own, in the vendor's unit.", False),
    Column("exercise", "text", "american or european."),
    Column("multiplier", "float", "Shares behind one contract."),
    Column("modelled", "flag", "True where a model made the quote."),
    Column("flag", "text", "What to mind: crossed (bid above ask), no_price; else empty.", False),
)

FILLS = (
    Column("fill_id", "text", "Identity of the fill; the same one is loaded once."),
    Column("account", "text", "Account it belongs to."),
    Column("time", "instant", "Instant of the trade."),
    Column("symbol", "text", "Ticker, or OCC symbol of an option."),
    Column("quantity", "decimal", "Shares or contracts, signed: bought is positive."),
    Column("price", "decimal", "Price per share; an option's too."),
    Column("fees", "decimal", "All costs of the fill, positive when paid."),
    Column("currency", "text", "Currency of price and fees."),
    Column("strategy", "text", "Tag of the strategy; may be empty."),
)

QUOTES = (
    Column("symbol", "text", "Ticker, or OCC symbol of an option."),
    Column("time", "instant", "Instant of the quote."),
    Column("sequence", "whole", "The service's own number, or what the instant has below a microsecond."),
    Column("bid", "float", "Best bid per share; missing where nobody bid.", False),
    Column("ask", "float", "Best ask per share; missing where nobody offered.", False),
    Column("bid_size", "float", "Shares or contracts bid for.", False),
    Column("ask_size", "float", "Shares or contracts offered.", False),
)

TRADES = (
    Column("symbol", "text", "Ticker, or OCC symbol of an option."),
    Column("time", "instant", "Instant of the trade."),
    Column("trade_id", "text", "Tells the trade from every other one of its symbol."),
    Column("price", "float", "Price per share."),
    Column("size", "float", "Shares or contracts.", False),
    Column("conditions", "text", "The exchange's codes, separated by commas.", False),
)

NEWS = (
    Column("source_id", "text", "The source's own identity of the item."),
    Column("time", "instant", "Instant of publication, as the source says."),
    Column("updated_at", "instant", "Instant of its last change.", False),
    Column("headline", "text", "One line."),
    Column("summary", "text", "A paragraph, without markup.", False),
    Column("url", "text", "Where it can be read.", False),
    Column("author", "text", "Who wrote it.", False),
    Column("symbols", "text", "Tickers that it is about, separated by commas.", False),
    Column("sentiment", "float", "From -1, bad for the price, to 1; missing where nobody said.", False),
    Column("scorer", "text", "Who made the sentiment, with its version.", False),
    Column("kind", "text", "news or post."),
)

EARNINGS = (
    Column("symbol", "text", "Ticker."),
    Column("date", "day", "Date of the report on the exchange's calendar."),
    Column("session", "text", "before_open, after_close, during or unknown."),
    Column("confirmed", "flag", "True where the company has said it."),
    Column("fiscal_period", "text", "As in 2026Q3; the date where the source has no period."),
    Column("eps_estimate", "float", "Expected earnings per share.", False),
    Column("eps_actual", "float", "Reported earnings per share.", False),
    Column("revenue_estimate", "float", "Expected revenue.", False),
    Column("revenue_actual", "float", "Reported revenue.", False),
)

RATES = (
    Column("curve", "text", "As in USD treasury."),
    Column("date", "day", "Date that the curve is of."),
    Column("years", "float", "Tenor in years."),
    Column("rate", "float", "Per year, continuously compounded, as a fraction."),
)

METRICS = (
    Column("symbol", "text", "Ticker."),
    Column("time", "instant", "Instant that the figure is of."),
    Column("name", "text", "What it measures, as in iv_rank."),
    Column("value", "float", "In natural units; shares of one are fractions."),
)

PRICE_COLUMNS = ("open", "high", "low", "close")
VENDOR_COLUMNS = tuple(column.name for column in OPTION_QUOTES if column.name.startswith("vendor_"))


def names(columns: Sequence[Column]) -> list[str]:
    """Return the names of a frame's columns, in order."""
    return [column.name for column in columns]


def frame_schema(columns: Sequence[Column]) -> "DataFrameSchema":
    """Return the pandera schema of a frame, for a border where frames of other people arrive.

    Parameters
    ----------
    columns : sequence of Column
        `BARS`, `OPTION_QUOTES`, `FILLS`, `QUOTES`, `TRADES`, `NEWS`, `EARNINGS`, `RATES` or `METRICS`.
    """
    import pandera.pandas as pa

    checks = {
        "text": pa.Check(lambda values: values.map(lambda value: isinstance(value, str) or pd.isna(value))),
        "float": pa.Check(lambda values: values.dtype == np.float64),
        "flag": pa.Check(lambda values: values.dtype == np.bool_),
        "instant": pa.Check(lambda values: str(getattr(values.dtype, "tz", "")) == "UTC"),
        "day": pa.Check(lambda values: values.dtype.kind == "M"),
        "whole": pa.Check(lambda values: values.dtype.kind in "iu"),
        "decimal": pa.Check(lambda values: values.map(lambda value: isinstance(value, Decimal))),
    }
    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                checks=checks[column.dtype],
                nullable=not column.required,
                required=column.required,
                description=column.meaning,
            )
            for column in columns
        },
        strict=False,
    )
