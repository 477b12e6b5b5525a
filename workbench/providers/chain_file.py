"""Option chains from a user's table: one quote a row, named by its OCC symbol."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from workbench.arrays import FloatArray
from workbench.errors import ArgumentError
from workbench.market.calendars import exchange_zone
from workbench.market.schemas import VENDOR_COLUMNS, check_option_quotes
from workbench.providers.chain_layouts import (
    one_quote_a_row,
    snapshot_columns,
    underlying_headers,
)
from workbench.providers.columns import QUOTE_NAMES
from workbench.providers.contracts import read_contracts
from workbench.providers.parsed import ParsedFile, RowReader
from workbench.providers.tables import RawTable

_QUOTE_NUMBERS = ("bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest", "underlying_price")
_MULTIPLIER = 100.0
# Where a file quotes the underlying as it quotes options, its price is the middle.
_MIDDLE = ("underlying_bid", "underlying_ask")


def chain_from_table(
    table: RawTable,
    *,
    columns: Mapping[str, str] | None = None,
    time_zone: str | None = None,
    calendar: str = "XNYS",
    exercise: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Translate a table into option quotes; `files.read_chain_file` says what is understood."""
    if exercise not in (None, "american", "european"):
        raise ArgumentError(f"`exercise` is {exercise!r}; give 'american' or 'european'.")
    table = one_quote_a_row(table)
    snapshot, before_the_close = snapshot_columns(table, columns)
    numbers = [*_QUOTE_NUMBERS, *VENDOR_COLUMNS, "strike", "multiplier", *_MIDDLE]
    headers = dict(zip(underlying_headers(table), _MIDDLE, strict=False))
    known = {**QUOTE_NAMES, **{name: (name,) for name in _MIDDLE}}
    mapping = {**headers, **snapshot, **(columns or {})}
    reader = RowReader(table, known, mapping, required=["time"], numbers=numbers)
    contracts = read_contracts(reader, exercise, symbol=symbol, calendar=calendar)
    times = reader.instants("time", time_zone=time_zone, calendar=calendar, beside="expiry")
    if before_the_close:
        times = times - before_the_close
    multiplier = reader.numbers("multiplier")
    values = {
        name: reader.numbers(name, percent=name == "vendor_implied_volatility")
        for name in (*_QUOTE_NUMBERS, *VENDOR_COLUMNS)
    }
    values["underlying_price"] = _price_of_underlying(reader, values["underlying_price"])
    frame = contracts.assign(
        time=times,
        **values,
        multiplier=np.where(np.isnan(multiplier), _MULTIPLIER, multiplier),
        modelled=np.isin(np.char.lower(reader.texts("modelled").astype(str)), ("true", "1", "yes")),
        flag=None,
    )
    return reader.finish("chain", frame, partial(check_option_quotes, zone=exchange_zone(calendar)))


def _price_of_underlying(reader: RowReader, price: FloatArray) -> FloatArray:
    """Return the underlying's price: the file's own, else the middle of its bid and ask.

    Vendors without a licence for an index write zero for its price, which is none.
    """
    bid, ask = (reader.numbers(name) for name in _MIDDLE)
    middle = np.where((bid > 0) & (ask >= bid), (bid + ask) / 2, np.nan)
    stated = np.where(price == 0, np.nan, price)
    return np.where(np.isnan(stated), middle, stated)
