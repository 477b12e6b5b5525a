"""The watch list: what each symbol's quote says, how old it is, and what the browser is told while it moves.

The table is drawn once. After that a message of text goes to the page a few times a second, and `live.js`
writes what changed into the cells, counts ages on, and says so when no message comes any more.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.plots import percent, written
from workbench.views.book_parts import CLOCK, DOT
from workbench.views.options_parts import say_button

STATES = {"live": "live", "old": "old", "stale": "stale", "closed": "closed", "held": "held"}
TONES = ("gain", "loss", "")
SHOWN = 12  # rows before "show all"
SPARK_POINTS = 30


def watch_rows(
    quotes: pd.DataFrame, closes: Mapping[str, pd.Series], symbols: Sequence[str], *, zone: str
) -> list[dict[str, Any]]:
    """Return one row a symbol: the live quote where there is one, else the last close that is held.

    Parameters
    ----------
    quotes : DataFrame
        As `Desk.quotes` returns it; it may be empty.
    closes : mapping of str to Series
        Closes of each symbol on an ascending index of days, adjusted for splits; the last ones are enough.
    symbols : sequence of str
        What is watched, in order.
    zone : str
        Time zone of the exchange: a change counts from the close before the quote's day there.

    Returns
    -------
    list of dict
        symbol, bid, ask, last, change (a fraction), time (seconds since 1970, None without a live quote),
        state, reason, day (of the held close), source.
    """
    given = quotes.to_dict("records") if len(quotes) else []
    by_symbol = {str(row["symbol"]): row for row in given if pd.notna(row["time"])}
    return [_row(symbol, by_symbol.get(symbol), closes.get(symbol), zone) for symbol in symbols]


def _row(symbol: str, quote: Any, closes: pd.Series | None, zone: str) -> dict[str, Any]:
    held = closes.dropna() if closes is not None else pd.Series(dtype=float)
    if quote is None:
        last = float(held.iloc[-1]) if len(held) else np.nan
        change = last / float(held.iloc[-2]) - 1 if len(held) > 1 else np.nan
        return {
            "symbol": symbol, "bid": np.nan, "ask": np.nan, "last": last, "change": change, "time": None,
            "state": "held", "reason": "no live feed gives it; this is the last close that is held",
            "day": held.index[-1] if len(held) else None, "source": "",
        }  # fmt: skip
    price, of = price_of(quote)
    when = pd.Timestamp(quote["time"])
    # A close of the quote's own day is no close before it; daily bars are dated at midnight UTC.
    day = when.tz_convert(zone).tz_localize(None).normalize().tz_localize("UTC")
    before = held[held.index < day] if len(held) else held
    change = price / float(before.iloc[-1]) - 1 if len(before) and np.isfinite(price) else np.nan
    return {
        "symbol": symbol, "bid": _number(quote.get("bid")), "ask": _number(quote.get("ask")), "last": price,
        "change": change, "time": when.timestamp(),
        "state": str(quote.get("state") or "stale"), "reason": str(quote.get("reason") or of),
        "day": before.index[-1] if len(before) else None, "source": str(quote.get("source") or ""),
    }  # fmt: skip


def price_of(quote: Any) -> tuple[float, str]:
    """Return the price that a quote tells, and what it is: the last trade, else the middle of bid and ask."""
    last = _number(quote.get("last"))
    if np.isfinite(last):
        return last, "the last trade"
    bid, ask = _number(quote.get("bid")), _number(quote.get("ask"))
    return (bid + ask) / 2, "the middle of bid and ask"


def _number(value: Any) -> float:
    return float(value) if value is not None and pd.notna(value) else np.nan


def digits_of(price: float) -> int:
    """Return how many digits prices of this size are written with."""
    return 4 if np.isfinite(price) and abs(price) < 1 else 2


def row_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the browser shows it: texts, the tone of the change, the quote's time, its state."""
    digits = digits_of(row["last"])
    change = row["change"]
    text = percent(change, 2, signed=True).removesuffix(" %")
    tone = ("gain" if change > 0 else "loss") if np.isfinite(change) and text.strip("0.") else ""
    return {
        "bid": written(row["bid"], digits),
        "ask": written(row["ask"], digits),
        "last": written(row["last"], digits),
        "price": row["last"] if np.isfinite(row["last"]) else None,
        "change": text,
        "tone": tone,
        "time": row["time"],
        "state": row["state"],
        "reason": row["reason"],
    }


def live_message(rows: Sequence[Mapping[str, Any]], feeds: Sequence[str], *, at: float, every: float) -> str:
    """Return what the browser is told: the rows as text, the feeds' chips, the time, and when to expect more.

    Parameters
    ----------
    rows : sequence of dict
        From `watch_rows`.
    feeds : sequence of str
        HTML of each feed's chip.
    at : float
        The desk's wall clock, seconds since 1970: the browser counts ages from it, whatever its own says.
    every : float
        Seconds until the next message at the latest.
    """
    told = {str(row["symbol"]): row_words(row) for row in rows if row["time"] is not None}
    return json.dumps(
        {"at": at, "every": every, "rows": told, "feeds": "".join(feeds)}, separators=(",", ":")
    )


def quotes_html(
    rows: Sequence[Mapping[str, Any]],
    closes: Mapping[str, pd.Series],
    *,
    chosen: str,
    at: float,
    unit: str = "$",
    every: bool = False,
) -> str:
    """Return the watch list as a table; each row's symbol opens it.

    Parameters
    ----------
    rows : sequence of dict
        From `watch_rows`.
    closes : mapping of str to Series
        Drawn small beside each symbol.
    chosen : str
        The symbol that the page shows.
    at : float
        Now, seconds since 1970.
    unit : str
        Of the prices.
    every : bool
        Show all rows, not the first twelve.
    """
    shown = list(rows) if every else _first(rows, chosen)
    quoted = any(row["time"] is not None for row in rows)
    sides = (
        f'<th scope="col" class="wb-wide">Bid, {escape(unit)}</th>'
        f'<th scope="col" class="wb-wide">Ask, {escape(unit)}</th>'
        if quoted
        else ""
    )
    body = "".join(_row_html(row, closes, chosen=chosen, at=at, quoted=quoted) for row in shown)
    more = ""
    if len(rows) > len(shown):
        button = say_button("watch all", f"Show all {len(rows)} symbols", kind="wb-link")
        more = f'<p class="wb-more">{button}</p>'
    return (
        '<table class="wb-quotes" data-live-table><thead><tr><th scope="col">Symbol</th>'
        f'<th scope="col" class="wb-wide wb-sparks">{SPARK_POINTS} sessions</th>{sides}'
        f'<th scope="col">Last, {escape(unit)}</th><th scope="col">Change, %</th>'
        f'<th scope="col" class="wb-wide">{"Age" if quoted else "Close of"}</th>'
        f'<th scope="col" class="wb-words">State</th></tr></thead>'
        f"<tbody>{body}</tbody></table>{more}"
    )


def _first(rows: Sequence[Mapping[str, Any]], chosen: str) -> list[Mapping[str, Any]]:
    """Return the first rows, the chosen one among them."""
    first = list(rows[:SHOWN])
    if len(rows) > SHOWN and all(row["symbol"] != chosen for row in first):
        first[-1:] = [row for row in rows if row["symbol"] == chosen]
    return first


def _row_html(
    row: Mapping[str, Any], closes: Mapping[str, pd.Series], *, chosen: str, at: float, quoted: bool
) -> str:
    words, symbol = row_words(row), str(row["symbol"])
    kinds = " ".join(
        filter(None, ["wb-here" if symbol == chosen else "", "quiet" if words["state"] == "stale" else ""])
    )
    none = '<span class="missing" title="no live feed gives it">–</span>'
    sides = (
        "".join(
            f'<td class="wb-wide" data-cell="{side}">{words[side] if row["time"] is not None else none}</td>'
            for side in ("bid", "ask")
        )
        if quoted
        else ""
    )
    held = closes.get(symbol)
    since = f"since the close of {row['day']:%d %b %Y}" if row["day"] is not None and row["time"] else ""
    title = since or "over the last session that is held"
    age = age_words(at - row["time"]) if row["time"] is not None else _day_words(row["day"])
    return (
        f'<tr data-symbol="{escape(symbol)}" class="{kinds}"><th scope="row">'
        f"{say_button(f'symbol {symbol}', escape(symbol), pressed=symbol == chosen, kind='wb-symbol')}</th>"
        f'<td class="wb-wide wb-sparks">{spark_html(held)}</td>{sides}'
        f'<td data-cell="last">{words["last"]}</td>'
        f'<td data-cell="change" class="{words["tone"]}" title="{title}">{words["change"]}</td>'
        f'<td class="wb-wide" data-cell="age">{age}</td>'
        f'<td class="wb-words" data-cell="state">{state_chip(words["state"], words["reason"])}</td></tr>'
    )


def state_chip(state: str, reason: str) -> str:
    """Return the chip of a quote's state; its reason shows on hover."""
    known = state if state in STATES else "stale"
    sign = {"live": DOT, "stale": CLOCK}.get(known, "")
    return f'<span class="wb-quote {known}" title="{escape(reason)}">{sign}{escape(STATES[known])}</span>'


def age_words(seconds: float) -> str:
    """Return an age as `live.js` writes it: tenths below ten seconds, then the largest unit that fits."""
    age = max(0.0, seconds)
    if age < 10:
        return f"{int(age * 10) / 10:.1f} s"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if age < limit:
            return f"{int(age // size)} {unit}"
    return f"{int(age // 86_400)} d"


def _day_words(day: Any) -> str:
    return "–" if day is None else f"{day.day} {day:%b %y}"


def spark_html(closes: pd.Series | None) -> str:
    """Return closes as a line of 84 by 20 pixels; nothing where there are fewer than two."""
    values = [] if closes is None else closes.dropna().to_numpy(float)[-SPARK_POINTS:].tolist()
    if len(values) < 2:
        return ""
    low, room = min(values), (max(values) - min(values)) or 1.0
    step = 80 / (len(values) - 1)
    points = " ".join(f"{2 + i * step:.1f},{18 - 16 * (v - low) / room:.1f}" for i, v in enumerate(values))
    first, last = written(values[0], 2), written(values[-1], 2)
    x, y = points.rpartition(" ")[2].split(",")
    return (
        f'<svg class="wb-spark" viewBox="0 0 84 20" width="84" height="20" role="img" '
        f'aria-label="from {first} to {last}"><polyline points="{points}"/>'
        f'<circle cx="{x}" cy="{y}" r="2"/></svg>'
    )


def feed_chips(feeds: pd.DataFrame, connections: pd.DataFrame) -> list[str]:
    """Return the state of each feed and of each service that needs a word, as chips.

    Parameters
    ----------
    feeds : DataFrame
        As `Desk.feeds` returns it: service, feed, state, detail.
    connections : DataFrame
        As `Desk.connections` returns it, its index as column ``service``: label, state, detail.
    """
    chips, streamed = [], set()
    for row in feeds.to_dict("records") if len(feeds) else []:
        name, state = str(row.get("feed") or row.get("service")), str(row.get("state"))
        streamed.add(str(row.get("service")))
        detail = str(row.get("detail") or row.get("reason") or "")
        chips.append(_state_chip(name, state, detail))
    waiting = []
    for row in connections.to_dict("records") if len(connections) else []:
        service, state = str(row.get("label") or row["service"]), str(row.get("state"))
        if str(row["service"]) in streamed or state in ("connected", "not_asked", "market_closed"):
            continue
        if state == "not_connected":
            waiting.append(str(row["service"]))
        else:
            chips.append(_state_chip(service, state, str(row.get("detail") or "")))
    if not chips and waiting:
        chips.append(
            '<span class="wb-none">Not connected: no prices come in. '
            "<code>workbench connect alpaca</code> asks for the keys.</span>"
        )
    return chips


FEED_WORDS = {
    "live": "live",
    "connecting": "connecting",
    "closed": "connection lost",
    "silent": "silent",
    "needs_login": "needs login",
    "not_connected": "not connected",
    "rate_limited": "rate limited",
    "unreachable": "cannot be reached",
    "refused": "refused",
    "bad_answer": "bad answer",
    "stopped": "stopped",
    "stale": "silent",
    "replay_ended": "replay ended",
}


def _state_chip(name: str, state: str, detail: str) -> str:
    words = f"{name}: {FEED_WORDS.get(state, state.replace('_', ' '))}"
    if state == "live":
        return _chip("fresh", DOT, words, detail)
    if state in ("needs_login", "refused", "bad_answer"):
        return _chip("warn", '<span class="wb-up">▲</span>', words, detail)
    return _chip("stale", CLOCK, words, detail)


def _chip(kind: str, sign: str, words: str, title: str) -> str:
    return f'<span class="wb-chip {kind}" title="{escape(title)}">{sign}{escape(words)}</span>'
