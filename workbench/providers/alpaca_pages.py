"""What is asked of Alpaca: paths, periods as it reads them, symbols in chunks, page by page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import ServiceError
from workbench.market.instruments import is_option_symbol
from workbench.providers.alpaca_chain import contracts_of
from workbench.providers.base import Day
from workbench.providers.periods import Period, period_of
from workbench.settings import AlpacaSettings
from workbench.vendors.alpaca import AlpacaClient, their_symbol

MOST_SYMBOLS = 100
# Nothing of Alpaca's is older.
BEGINNING = pd.Timestamp("2000-01-01", tz="UTC")
_MOST_ROWS = 10_000
_EXCHANGE = "America/New_York"
# Delayed data are those of the SIP until 15 minutes ago, and a little for the clocks.
_DELAY = pd.Timedelta(minutes=16)

Pages = Iterator[Mapping[str, Any]]


def history_pages(
    client: AlpacaClient,
    what: str,
    symbols: Sequence[str],
    period: Period,
    given: Mapping[str, Any] | None = None,
) -> Pages:
    """Yield the pages of bars, quotes or trades of shares and options.

    Parameters
    ----------
    client : AlpacaClient
        Makes the calls.
    what : {"bars", "quotes", "trades"}
        The last part of the path.
    symbols : sequence of str
        The desk's.
    period : Period
        An open start is the beginning of Alpaca's history.
    given : mapping, optional
        Further parameters.
    """
    for path, feed, chunk in by_path(client.settings, list(dict.fromkeys(symbols))):
        end, wanted = period.end, dict(given or {})
        if path == _SHARES:
            wanted |= {"feed": "sip" if feed == "delayed_sip" else feed, "asof": client.settings.asof}
            if feed == "delayed_sip":
                limit = pd.Timestamp.now("UTC") - _DELAY
                end = limit if end is None else min(end, limit)
        else:
            # Options have one price, and their bars no feed to choose.
            wanted.pop("adjustment", None)
        wanted |= range_of(Period(period.start or BEGINNING, end))
        wanted |= {"symbols": ",".join(map(their_symbol, chunk)), "limit": _MOST_ROWS, "sort": "asc"}
        yield from client.data_pages(f"{path}/{what}", wanted)


_SHARES, _OPTIONS = "/v2/stocks", "/v1beta1/options"


def by_path(settings: AlpacaSettings, symbols: Sequence[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield path, feed and symbols of each call: shares and options have paths of their own."""
    options = [symbol for symbol in symbols if is_option_symbol(symbol)]
    shares = [symbol for symbol in symbols if not is_option_symbol(symbol)]
    for chunk in chunked(shares, MOST_SYMBOLS):
        yield _SHARES, settings.feed, chunk
    for chunk in chunked(options, MOST_SYMBOLS):
        yield _OPTIONS, settings.option_feed, chunk


def contracts_by_symbol(
    client: AlpacaClient, underlying: str, expiry: Day = None
) -> tuple[dict[str, Mapping[str, Any]], ServiceError | None]:
    """Return the listed contracts of an underlying by the desk's symbol, of one expiry or of all.

    Returns
    -------
    tuple
        The contracts, and the error after which no more came, or None.
    """
    day = period_of(expiry, None).first_day
    # Without bounds Alpaca lists what expires by the next weekend.
    first = pd.Timestamp.now(_EXCHANGE) if day is None else pd.Timestamp(day)
    last = first + pd.DateOffset(years=20) if day is None else first
    given = {
        "underlying_symbols": their_symbol(underlying), "status": "active", "limit": _MOST_ROWS,
        "expiration_date_gte": f"{first:%Y-%m-%d}", "expiration_date_lte": f"{last:%Y-%m-%d}",
        "show_deliverables": "true",
    }  # fmt: skip
    found: dict[str, Mapping[str, Any]] = {}
    try:
        for page in client.trading_pages("/v2/options/contracts", given):
            found |= contracts_of(page)
    except ServiceError as error:
        return found, error
    return found, None


def chunked(symbols: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """Yield the symbols in groups of at most a size."""
    for first in range(0, len(symbols), size):
        yield tuple(symbols[first : first + size])


def range_of(period: Period) -> dict[str, str]:
    """Return start and end as Alpaca reads them; the end includes its whole microsecond."""
    found = {}
    if period.start is not None:
        found["start"] = f"{period.start:%Y-%m-%dT%H:%M:%S.%f}Z"
    # An end that is still to come is left to Alpaca, which knows how young the account's data may be.
    if period.end is not None and period.end < pd.Timestamp.now("UTC"):
        found["end"] = f"{period.end:%Y-%m-%dT%H:%M:%S.%f}999Z"
    return found


def in_new_york(period: Period) -> Period:
    """Return the days of a period as they begin and end in New York, where daily bars are stamped."""
    first = None if period.first_day is None else pd.Timestamp(period.first_day).tz_localize(_EXCHANGE)
    last = None if period.last_day is None else pd.Timestamp(period.last_day).tz_localize(_EXCHANGE)
    return Period(
        None if first is None else first.tz_convert("UTC"),
        None if last is None else (last + pd.DateOffset(days=1)).tz_convert("UTC") - pd.Timedelta(1, "us"),
    )
