"""Interactive Brokers: bars, quotes and chains of the Client Portal gateway."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import (
    IncompleteAnswerError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    UnsupportedError,
)
from workbench.market.schemas import BARS, OPTION_QUOTES, QUOTES
from workbench.providers.base import Day, require_interval
from workbench.providers.feeds import Feed
from workbench.providers.ibkr_answers import (
    ASK,
    AVAILABILITY,
    BID,
    CHAIN_IDS,
    LAST,
    MARK,
    QUOTE_IDS,
    Kind,
    ListedOption,
    availability_of,
    bars_from_history,
    chain_from_snapshot,
    entry_id,
    price_of,
    quotes_from_snapshot,
)
from workbench.providers.ibkr_contracts import ContractBook
from workbench.providers.ibkr_feed import FEED_KINDS, IbkrFeed
from workbench.providers.ibkr_history import BARS_OF, LENGTHS, history_pages
from workbench.providers.network import NetworkProvider, joined, no_rows
from workbench.providers.periods import Period, period_of
from workbench.providers.session_bars import bars_within
from workbench.vendors.ibkr import LARGEST_SNAPSHOT, VENDOR, IbkrClient, our_symbol

# The first call of a contract only opens its line; the values come a moment later.
_PREFLIGHT_SECONDS = 0.5
_SNAPSHOT_TRIES = 12
_ENOUGH_TRIES = 4

Entries = dict[int, dict[str, Any]]


class IbkrProvider(NetworkProvider):
    """Market data of an account at Interactive Brokers.

    Bars are of regular hours; a bar that is not over yet is left out. Volumes are as the service counts them.

    Parameters
    ----------
    client : IbkrClient
        Of a running gateway.
    preflight_seconds : float
        Pause between the calls of a snapshot.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, client: IbkrClient, *, preflight_seconds: float = _PREFLIGHT_SECONDS) -> None:
        super().__init__()
        self._client = client
        self._book = ContractBook(client)
        self._pause = preflight_seconds
        self.availability: dict[str, str] = {}
        """How fresh the quotes of each symbol are, in words, as the service marked them last."""

    def symbols(self) -> list[str]:
        """Return the shares and funds of the exchanges of the United States, in order."""
        return self._book.symbols()

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return bars of regular hours, both dates included; within a day without `start`, the newest page.

        Raises
        ------
        UnknownSymbolError
            If the service does not know a symbol.
        MissingDataError
            If it has no bars of that interval.
        IncompleteAnswerError
            If it broke off; the error holds the bars that had come.
        """
        require_interval(interval, list(BARS_OF), self.label)
        period = period_of(start, end)
        asked = list(dict.fromkeys(our_symbol(symbol) for symbol in symbols))
        known = self._book.require(asked)
        now = pd.Timestamp.now("UTC")
        frames: list[pd.DataFrame] = []
        cause: ServiceError | None = None
        for symbol in asked:
            try:
                frames.append(self._bars_of(symbol, known[symbol][0], interval, period, now))
            except IncompleteAnswerError as error:
                frames.append(error.rows)
                cause = error.cause
                break
            except ServiceError as error:
                if not any(len(frame) for frame in frames):
                    raise
                cause = error
                break
        rows = bars_within(joined(frames, BARS), period, LENGTHS[interval], now)
        # One bar may stand at the edge of two pages.
        rows = rows.drop_duplicates(["symbol", "time"], keep="first", ignore_index=True)
        if cause is not None:
            raise IncompleteAnswerError(
                f"The answer broke off after {len(rows):,} bars: {cause}", rows=rows, cause=cause
            )
        return rows

    def latest_quotes(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the last quote of each symbol; `availability` says in words how fresh they are.

        Raises
        ------
        UnknownSymbolError
            If the service does not know a symbol.
        ServiceRefusedError
            If the account's subscriptions hold none of them.
        """
        asked = list(dict.fromkeys(our_symbol(symbol) for symbol in symbols))
        known = self._book.require(asked)
        by_id: dict[int, tuple[str, Kind]] = {conid: (name, kind) for name, (conid, kind) in known.items()}
        what = f"latest quotes {','.join(asked[:3])}"
        frames = []
        for part in _parts(list(by_id), LARGEST_SNAPSHOT):
            entries = self._snapshot(part, QUOTE_IDS, what)
            self._note_availability(entries, by_id, what)
            quoted = [entry for entry in entries.values() if _has_price(entry)]
            answer = quotes_from_snapshot(quoted, by_id, fetched_at=pd.Timestamp.now("UTC"))
            frames.append(self._keep(answer, what))
        rows = joined(frames, QUOTES).sort_values("symbol", ignore_index=True)
        unpaid = [name for name in asked if self.availability.get(name) == availability_of("N")]
        if rows.empty and unpaid:
            raise ServiceRefusedError(
                f"{self.label} has no market data subscription for {', '.join(unpaid[:5])}; subscribe in "
                "the account's settings, or use another source.",
                service=self.label,
            )
        return rows

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the last quotes of a chain with the service's Greeks.

        Each strike is a call of its own at nine calls a second, so without `expiry` the chain is that of the
        nearest month. Contracts found once are remembered.

        Raises
        ------
        UnknownSymbolError
            If the service does not know the underlying.
        """
        day = period_of(expiry, None).first_day
        ours = our_symbol(underlying)
        known = self._book.underlying(ours)
        if not known.months:
            return no_rows(OPTION_QUOTES)
        month = known.months[0] if day is None else self._book.month_of(day)
        what = f"option chain {ours} {month}"
        if month not in known.months:
            return no_rows(OPTION_QUOTES)
        options = self._contracts(known, month, day, what)
        if not options:
            return no_rows(OPTION_QUOTES)
        price = self._price_of(known.conid, what)
        by_id = {option.conid: option for option in options}

        def read(part: Sequence[int], number: int) -> pd.DataFrame:
            entries = self._snapshot(part, CHAIN_IDS, f"{what}, part {number}")
            answer = chain_from_snapshot(
                [by_id[conid] for conid in part],
                entries,
                underlying=ours,
                underlying_price=price,
                fetched_at=pd.Timestamp.now("UTC"),
            )
            for conid in part:
                self._client.unsubscribe(conid)
            return self._keep(answer, f"{what}, part {number}")

        rows = self._gathered(_parts(list(by_id), LARGEST_SNAPSHOT), read, OPTION_QUOTES)
        return rows.sort_values(["expiry", "strike", "right", "symbol"], ignore_index=True)

    def stream(self, kinds: Sequence[str]) -> Feed:
        """Return a live feed of "quotes" and "trades"."""
        for kind in kinds:
            if kind not in FEED_KINDS:
                raise UnsupportedError(
                    f"{self.label} has no stream of {kind}; it has {', '.join(FEED_KINDS)}."
                )
        return IbkrFeed(self._client, self._book)

    def _bars_of(
        self, symbol: str, conid: int, interval: str, period: Period, now: pd.Timestamp
    ) -> pd.DataFrame:
        when = " ".join(f"{each:%Y-%m-%d}" for each in period if each is not None)
        what = f"bars {symbol} {interval} {when}".strip()
        line = 1

        def read(page: Any, number: int) -> pd.DataFrame:
            nonlocal line
            answer = bars_from_history(
                page.answer, symbol, daily=interval == "1d", start=page.first, end=page.last
            )
            line += len(page.answer["data"])
            return self._keep(answer, f"{what}, page {number}")

        return self._gathered(history_pages(self._client.history, conid, interval, period, now), read, BARS)

    def _contracts(self, known: Any, month: str, day: date | None, what: str) -> list[ListedOption]:
        """Return the contracts of a month, or of one expiry in it, each once."""
        found: dict[str, ListedOption] = {}
        for option in self._book.options(known, month):
            if day is None or option.contract.expiry == day:
                found[option.contract.occ_symbol] = option
        for symbol, reason, text in self._book.bad:
            self._set_aside(what, reason, symbol=symbol, text=text)
        self._book.bad.clear()
        self._client.remember({symbol: option.conid for symbol, option in found.items()})
        return list(found.values())

    def _price_of(self, conid: int, what: str) -> float:
        entry = self._snapshot([conid], (*QUOTE_IDS, MARK), what).get(conid, {})
        prices = []
        for name in (BID, ASK, LAST, MARK):
            try:
                prices.append(price_of(entry.get(name)).value)
            except ValueError:
                prices.append(None)
        bid, ask, last, mark = prices
        if bid is not None and ask is not None and ask >= bid:
            return (bid + ask) / 2
        return next((price for price in (last, mark) if price is not None), np.nan)

    def _snapshot(self, conids: Sequence[int], fields: Sequence[str], what: str) -> Entries:
        """Return the entries of contracts, asked for again until their values have come."""
        params = [("conids", ",".join(map(str, conids))), ("fields", ",".join(fields))]
        found: Entries = {conid: {} for conid in conids}
        for attempt in range(_SNAPSHOT_TRIES):
            answer = self._client.get("/iserver/marketdata/snapshot", params)
            if not isinstance(answer, list):
                raise ServiceAnswerError(
                    f"{self.label} answered a snapshot without a list of contracts; its API may "
                    "have changed.",
                    service=self.label,
                )
            for entry in answer:
                conid = entry_id(entry) if isinstance(entry, Mapping) else None
                if conid in found:
                    found[conid].update(entry)
                elif attempt == 0:
                    named = str(entry.get("55") or conid or "") if isinstance(entry, Mapping) else ""
                    self._set_aside(
                        what, "nobody asked for this contract", symbol=named, text=str(entry)[:300]
                    )
            if all(_is_whole(entry, attempt) for entry in found.values()):
                break
            time.sleep(self._pause)
        return found

    def _note_availability(self, entries: Entries, by_id: Mapping[int, tuple[str, Kind]], what: str) -> None:
        for conid, entry in entries.items():
            symbol = by_id[conid][0]
            self.availability[symbol] = availability_of(entry.get(AVAILABILITY))
            if not _has_price(entry):
                reason = f"no price came; the service says: {self.availability[symbol]}"
                self._set_aside(what, reason, symbol=symbol, text=str(entry)[:300])


def _has_price(entry: Mapping[str, Any]) -> bool:
    return any(name in entry for name in (BID, ASK))


def _is_whole(entry: Mapping[str, Any], attempt: int) -> bool:
    if BID in entry and ASK in entry:
        return True
    if str(entry.get(AVAILABILITY) or "").startswith("N"):
        return True
    return attempt >= _ENOUGH_TRIES and (LAST in entry or AVAILABILITY in entry)


def _parts(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(values), size):
        yield values[first : first + size]
