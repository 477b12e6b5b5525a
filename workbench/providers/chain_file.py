"""Option chains from a user's table: one quote a row, named by its OCC symbol."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from workbench.errors import ArgumentError
from workbench.market.calendars import exchange_zone
from workbench.market.schemas import VENDOR_COLUMNS, check_option_quotes
from workbench.providers.columns import QUOTE_NAMES
from workbench.providers.contracts import read_contracts
from workbench.providers.parsed import ParsedFile, RowReader
from workbench.providers.tables import RawTable

_QUOTE_NUMBERS = ("bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest", "underlying_price")
_MULTIPLIER = 100.0


def chain_from_table(
    table: RawTable,
    *,
    columns: Mapping[str, str] | None = None,
    time_zone: str | None = None,
    calendar: str = "XNYS",
    exercise: str | None = None,
) -> ParsedFile:
    """Translate a table into option quotes; `files.read_chain_file` says what is understood."""
    if exercise not in (None, "american", "european"):
        raise ArgumentError(f"`exercise` is {exercise!r}; give 'american' or 'european'.")
    numbers = [*_QUOTE_NUMBERS, *VENDOR_COLUMNS, "strike", "multiplier"]
    reader = RowReader(table, QUOTE_NAMES, columns, required=["time"], numbers=numbers)
    contracts = read_contracts(reader, exercise)
    times = reader.instants("time", time_zone=time_zone, calendar=calendar)
    multiplier = reader.numbers("multiplier")
    frame = contracts.assign(
        time=times,
        **{name: reader.numbers(name) for name in (*_QUOTE_NUMBERS, *VENDOR_COLUMNS)},
        multiplier=np.where(np.isnan(multiplier), _MULTIPLIER, multiplier),
        modelled=np.isin(np.char.lower(reader.texts("modelled").astype(str)), ("true", "1", "yes")),
        flag=None,
    )
    return reader.finish("chain", frame, partial(check_option_quotes, zone=exchange_zone(calendar)))
