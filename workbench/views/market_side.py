"""What stands beside the chart as plain HTML: the strip of figures, the chain near the money, news, earnings.

Text from outside (symbols, headlines, sources) is escaped here.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.plots import percent, written
from workbench.plots.candles import volume_unit
from workbench.views.book_parts import CLOCK, DOT, card_title_html, state_html
from workbench.views.market_quotes import digits_of
from workbench.views.options_parts import chip_html, day_words

YEAR, MONTH = 252, 20  # sessions
NEAR = 4  # strikes to each side of the money
NEWS_SHOWN = 5


def header_html(
    symbol: str,
    *,
    as_of: str,
    source: str,
    freshness: tuple[str, str],
    role: str,
    feeds: Sequence[str],
) -> str:
    """Return the page's header: symbol, the instant of the held data, source, freshness, role, feeds."""
    state, words = freshness
    chip = f'<span class="wb-chip {state}">{DOT if state == "fresh" else CLOCK}{escape(words)}</span>'
    return (
        f'<header class="wb-head"><h1>{escape(symbol)}</h1>'
        f"<span>As of <strong>{escape(as_of)}</strong></span>"
        f'<span class="wb-source" title="{escape(source)}">Source: {escape(source)}</span>{chip}'
        f'<span class="wb-feeds" data-live-feeds aria-live="polite">{"".join(feeds)}</span>'
        f'<span>Role: {escape(role)}</span><span class="wb-busy"></span></header>'
    )


def day_figures(bars: pd.DataFrame, volatility: float) -> dict[str, float]:
    """Return what a year of daily bars says of a symbol.

    Parameters
    ----------
    bars : DataFrame
        Daily, ascending, adjusted for splits; a year is enough.
    volatility : float
        Realized, per year as a fraction.

    Returns
    -------
    dict
        last, change (a fraction), open, high, low, volume, usual_volume (mean of the 20 sessions before),
        year_high, year_low, volatility. Missing is NaN.
    """
    year = bars.iloc[-YEAR:]
    last = bars.iloc[-1]
    before = float(bars["close"].iloc[-2]) if len(bars) > 1 else np.nan
    usual = bars["volume"].iloc[-MONTH - 1 : -1]
    return {
        "last": float(last["close"]),
        "change": float(last["close"]) / before - 1,
        "move": float(last["close"]) - before,
        "open": float(last["open"]),
        "high": float(last["high"]),
        "low": float(last["low"]),
        "volume": float(last["volume"]),
        "usual_volume": float(usual.mean()) if usual.notna().any() else np.nan,
        "year_high": float(year["high"].max()),
        "year_low": float(year["low"].min()),
        "volatility": volatility,
    }


def figures_html(
    symbol: str,
    figures: Mapping[str, float],
    *,
    day: pd.Timestamp,
    unit: str,
    at_the_money: tuple[float, str, bool] | None,
    earnings: tuple[str, str],
) -> str:
    """Return the strip of key figures.

    Parameters
    ----------
    symbol : str
        Whose live price the browser writes into the first figure.
    figures : mapping
        From `day_figures`.
    day : Timestamp
        The session of the last bar.
    unit : str
        Of prices.
    at_the_money : (float, str, bool) or None
        Implied volatility as a fraction, its expiry in words, whether the quotes are modelled.
    earnings : (str, str)
        The date in words, and what is known of it.
    """
    digits = digits_of(figures["last"])
    size, words = volume_unit(pd.Series([figures["volume"]]))
    usual = figures["volume"] / figures["usual_volume"] if figures["usual_volume"] else np.nan
    low, high = figures["year_low"], figures["year_high"]
    place = (figures["last"] - low) / (high - low) if high > low else np.nan
    tone = "gain" if figures["change"] > 0 else "loss" if figures["change"] < 0 else ""
    since = f'<span data-cell="when">close of {day_words(day, year=True)}</span>'
    change = (
        f'<span data-cell="change" class="{tone}">{percent(figures["change"], 2, signed=True)}</span> {since}'
    )
    iv, expiry, modelled = at_the_money or (np.nan, "no option chain is held", False)
    cells = (
        (f"{symbol}, last", unit, written(figures["last"], digits), change, "last", figures["last"]),
        (
            "High", unit, written(figures["high"], digits),
            f"low {written(figures['low'], digits)}, open {written(figures['open'], digits)}",
            "high", figures["high"],
        ),
        (
            "Volume", f"{words} shares".strip(), written(figures["volume"] / size, 1),
            f"{written(usual, 2)} × the usual of {MONTH} sessions", "volume", figures["volume"],
        ),
        (
            "Below the year's high", "%", written((1 - figures["last"] / high) * 100, 1),
            _track(place, low, high, digits), "below_high", 1 - figures["last"] / high,
        ),
        (
            f"Realized vol, {MONTH} d", "% a year", written(figures["volatility"] * 100, 1),
            f"close to close, {MONTH} sessions", "realized", figures["volatility"],
        ),
        (
            "Implied vol, ATM", "% a year", written(iv * 100, 1),
            f'{escape(expiry)}{", modelled" if modelled else ""}', "implied", iv,
        ),
        ("Earnings", "", escape(earnings[0]), escape(earnings[1]), "earnings", np.nan),
    )  # fmt: skip
    return (
        f'<dl class="wb-figures" data-live-head="{escape(symbol)}">'
        f"{''.join(_figure(*cell) for cell in cells)}</dl>"
    )


def _figure(label: str, unit: str, value: str, why: str, name: str, exact: float) -> str:
    number = repr(float(exact)) if np.isfinite(exact) else ""
    cell = ' data-cell="last"' if name == "last" else ""
    return (
        f'<div class="wb-figure"><dt><span>{escape(label)}</span>'
        f'<span class="wb-unit">{escape(unit)}</span></dt>'
        f'<dd><div class="wb-value"{cell} data-figure="{name}" data-value="{number}">{value}</div>'
        f'<div class="wb-why">{why}</div></dd></div>'
    )


def _track(place: float, low: float, high: float, digits: int) -> str:
    """Return where the price stands between the year's low and high, as a dot on a line."""
    if not np.isfinite(place):
        return ""
    return (
        f'<span class="wb-year">{written(low, digits)}<i style="--at:{min(max(place, 0), 1):.2f}"></i>'
        f"{written(high, digits)}</span>"
    )


def chain_card_html(chain: pd.DataFrame, expiries: pd.DataFrame, symbol: str, why: str) -> str:
    """Return the strikes nearest the money of the expiry about a month away, and a link to all of them.

    Parameters
    ----------
    chain : DataFrame
        As `Desk.chain`; empty where there is none.
    expiries : DataFrame
        As `Desk.expiries`, index 0, 1, ...
    symbol : str
        The underlying.
    why : str
        Why there is no chain, where there is none.
    """
    if chain.empty or expiries.empty:
        return card_title_html("Chain") + state_html(f"No chain of {symbol}", why)
    far = np.nonzero((expiries["days"] >= MONTH).to_numpy())[0]
    chosen = expiries.iloc[int(far[0]) if len(far) else len(expiries) - 1]
    rows = chain[(chain["expiry"] == chosen["expiry"]) & (chain["root"] == chosen["root"])]
    spot = float(rows["spot"].iloc[0])
    strikes = np.sort(rows["strike"].unique())
    middle = int(np.searchsorted(strikes, spot))
    shown = strikes[max(0, middle - NEAR) : middle + NEAR]
    by = {(row["strike"], row["right"]): row for row in rows.to_dict("records")}
    digits = 2 if (np.round(shown % 1, 6) != 0).any() else 0
    body = []
    for number, strike in enumerate(shown):
        rule = ' class="wb-spot-rule"' if number and shown[number - 1] <= spot < strike else ""
        call, put = by.get((strike, "C"), {}), by.get((strike, "P"), {})
        body.append(
            f"<tr{rule}>{_price(call, 'bid')}{_price(call, 'ask')}{_volatility(call)}"
            f'<th scope="row">{written(float(strike), digits)}</th>'
            f"{_volatility(put)}{_price(put, 'bid')}{_price(put, 'ask')}</tr>"
        )
    when = pd.Timestamp(rows["time"].max())
    note = f"{written(chosen['days'])} days; spot {written(spot, 2)} $; quotes of {when:%d %b %Y}"
    modelled = chip_html("modelled quotes") if bool(rows["modelled"].any()) else ""
    link = f'<a class="wb-link" href="options.ipynb?symbol={escape(symbol)}">All strikes and expiries</a>'
    title = f"Chain, {day_words(chosen['expiry'], year=True)}"
    return (
        f"{card_title_html(title, note, after=modelled)}"
        '<table class="wb-near"><thead><tr><th scope="col">Call<br>bid, $</th>'
        '<th scope="col">Call<br>ask, $</th><th scope="col" class="wb-wide">IV, %</th>'
        '<th scope="col">Strike, $</th><th scope="col" class="wb-wide">IV, %</th>'
        '<th scope="col">Put<br>bid, $</th><th scope="col">Put<br>ask, $</th></tr></thead>'
        f'<tbody>{"".join(body)}</tbody></table><p class="wb-more">{link}</p>'
    )


def _price(row: Mapping[str, Any], side: str) -> str:
    value = row.get(side)
    if value is None or pd.isna(value):
        reason = "nobody bids" if side == "bid" else "nobody offers"
        return f'<td><span class="missing" title="{reason}">–</span></td>' if row else "<td></td>"
    return f"<td>{written(float(value), 2)}</td>"


def _volatility(row: Mapping[str, Any]) -> str:
    value = row.get("implied_volatility")
    if value is None or pd.isna(value):
        return '<td class="wb-wide"><span class="missing" title="no volatility">–</span></td>'
    return f'<td class="wb-wide">{written(float(value) * 100, 1)}</td>'


SESSION_WORDS = {
    "before_open": "before the open",
    "during": "in the session",
    "after_close": "after the close",
    "unknown": "hour not known",
}


def earnings_words(earnings: pd.DataFrame) -> tuple[str, str]:
    """Return the date of the next report, and what is known of it.

    Parameters
    ----------
    earnings : DataFrame
        As `Desk.earnings` of one symbol: the first row is the next.
    """
    if earnings.empty:
        return "–", "no date is held"
    first = earnings.iloc[0]
    hour = SESSION_WORDS.get(str(first["session"]), str(first["session"]))
    sure = "confirmed" if bool(first["confirmed"]) else "expected"
    return day_words(first["date"], year=True), f"{hour}, {sure}; {first['sources']}"


def news_html(news: pd.DataFrame, symbol: str, *, zone: str, now: pd.Timestamp, why: str) -> str:
    """Return the newest news of a symbol: headline, source, when it was first seen, its tone and who told it.

    Parameters
    ----------
    news : DataFrame
        As `Desk.news`: headline, sources, url, time, first_seen; newest first; with `score` (−1 to 1) and
        `scorer` of those that are shown.
    symbol : str
        Whose news it is.
    zone : str
        Time zone of the times.
    now : Timestamp
        The desk's clock.
    why : str
        What to say where there is none.
    """
    if news.empty:
        return card_title_html("News") + state_html(f"No news of {symbol}", why)
    items = "".join(_news_item(row, zone, now) for row in news.head(NEWS_SHOWN).to_dict("records"))
    more = len(news) - NEWS_SHOWN
    note = "newest first; time: first seen here, " + zone.rpartition("/")[2].replace("_", " ")
    tail = f'<p class="wb-more">and {more:,} more</p>' if more > 0 else ""
    return f'{card_title_html("News", note)}<ul class="wb-news">{items}</ul>{tail}'


def _news_item(row: Any, zone: str, now: pd.Timestamp) -> str:
    seen: Any = row.get("first_seen")
    seen = row["time"] if seen is None or pd.isna(seen) else seen
    local = pd.Timestamp(seen).tz_convert(zone)
    today = local.date() == now.tz_convert(zone).date()
    when = f"{local:%H:%M}" if today else f"{local.day} {local:%b %H:%M}"
    url = str(row.get("url") or "")
    headline = escape(str(row.get("headline") or "(no headline)"))
    # A link from outside opens only where it is a web address, and learns nothing of this page.
    if url.startswith(("https://", "http://")):
        headline = f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{headline}</a>'
    return (
        f"<li><span>{headline}</span><small>{when} · {escape(str(row.get('sources') or ''))}"
        f"{_tone(row.get('score'), str(row.get('scorer') or ''))}</small></li>"
    )


def _tone(sentiment: Any, scorer: str) -> str:
    if sentiment is None or pd.isna(sentiment):
        return ""
    value = float(sentiment)
    words = "positive" if value > 0.15 else "negative" if value < -0.15 else "neutral"
    by = f", by {escape(scorer)}" if scorer else ""
    tip = "Tone from −1 to +1, computed by a model of words, not observed"
    return f' · <span class="wb-tone" title="{tip}">{words} {written(value, 2, signed=True)}{by}</span>'
