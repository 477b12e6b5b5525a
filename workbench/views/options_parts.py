"""The parts of the options page that are plain HTML: header, expiry strip, switches, states.

Text from outside (symbols, sources, reasons) is escaped here. A button says words to the page's view by its
`data-say`; theme.js carries them.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from workbench.market.instruments import parse_occ_symbol
from workbench.plots import percent, written
from workbench.views.book_parts import CLOCK, DOT, FLAG, HATCH, state_html

NUMBER = r"[-−]?\d[\d,.]*\d|\d"


def say_button(words: str, text: str, *, title: str = "", pressed: bool | None = None, kind: str = "") -> str:
    """Return a button that says `words` to the view; `text` is shown, `pressed` makes it one of a switch."""
    state = "" if pressed is None else f' aria-pressed="{"true" if pressed else "false"}"'
    tip = f' title="{escape(title)}" aria-label="{escape(title)}"' if title else ""
    name = f' class="{kind}"' if kind else ""
    return f'<button type="button" data-say="{escape(words)}"{state}{tip}{name}>{text}</button>'


def switch_html(choices: Mapping[str, str], *, chosen: str, verb: str, label: str) -> str:
    """Return buttons of which one is pressed; each says ``verb key``."""
    buttons = "".join(
        say_button(f"{verb} {key}", escape(text), pressed=key == chosen) for key, text in choices.items()
    )
    return f'<div class="wb-switch" role="group" aria-label="{escape(label)}">{buttons}</div>'


def chip_html(words: str) -> str:
    """Return the chip that marks what a model made, with words of its own."""
    chip = '<span class="wb-chip modelled" title="Computed by a model, not observed">'
    return f"{chip}{HATCH}{escape(words)}</span>"


def header_html(
    symbol: str,
    *,
    spot: float,
    as_of: str,
    source: str,
    freshness: tuple[str, str],
    modelled: bool,
    findings: Sequence[str],
    role: str,
) -> str:
    """Return the page's header: symbol and spot, the instant of the quotes, source, chips, role."""
    state, words = freshness
    chips = [f'<span class="wb-chip {state}">{DOT if state == "fresh" else CLOCK}{escape(words)}</span>']
    if modelled:
        chips.append(f'<span class="wb-chip modelled">{HATCH}modelled quotes</span>')
    if findings:
        count = len(findings)
        lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in findings)
        chips.append(
            f'<details class="wb-found"><summary class="wb-chip found">{FLAG}{count} finding'
            f"{'' if count == 1 else 's'}</summary><ul>{lines}</ul></details>"
        )
    return (
        f'<header class="wb-head"><h1>{escape(symbol)}<span class="wb-spot" data-figure="spot" '
        f'data-value="{spot!r}">{written(spot, 2)}</span> <small>$</small></h1>'
        f"<span>As of <strong>{escape(as_of)}</strong></span>"
        f'<span class="wb-source" title="{escape(source)}">Source: {escape(source)}</span>'
        f'{"".join(chips)}<span>Role: {escape(role)}</span><span class="wb-busy"></span></header>'
    )


def strip_html(expiries: pd.DataFrame, *, chosen: int) -> str:
    """Return the expiries as a strip of buttons: date, days, volatility at the money, open interest.

    Parameters
    ----------
    expiries : DataFrame
        As `Desk.expiries`, index 0, 1, ...; each button says ``expiry`` and its place.
    chosen : int
        Place of the one that the page shows.
    """
    most = expiries["open_interest"].max()
    repeated = expiries["expiry"].duplicated(keep=False)
    cells = []
    for place, row in enumerate(expiries.to_dict("records")):
        held = row["open_interest"]
        known = pd.notna(held) and pd.notna(most) and most > 0
        bar = f'<i style="height:{max(1, round(26 * held / most))}px"></i>' if known else ""
        which = f" {escape(str(row['settlement']))}" if repeated.iloc[place] else ""
        interest = f", open interest {written(held)}" if known else ""
        title = (
            f"{day_words(row['expiry'], year=True)}, {written(row['days'])} days, "
            f"at the money {percent(row['atm_volatility'], 1)}{interest}"
        )
        cells.append(
            say_button(
                f"expiry {place}",
                f"<span>{day_words(row['expiry'], year=row['days'] > 200)}{which}</span>"
                f"<span>{written(row['days'])} d</span>"
                f"<span>{written(row['atm_volatility'] * 100, 1)}</span>{bar}",
                title=title,
                pressed=place == chosen,
            )
        )
    held = '<span class="wb-wide">; bar: OI</span>' if pd.notna(most) and most > 0 else ""
    head = f"<div><span>Expiry</span><span>days</span><span>ATM IV, %{held}</span></div>"
    return f'<div class="wb-strip" role="group" aria-label="Expiry">{head}{"".join(cells)}</div>'


def day_words(day: Any, *, year: bool = False) -> str:
    """Return a date as people write it: ``19 Jul``, with the year where it is asked for."""
    stamp = pd.Timestamp(day)
    return f"{stamp.day} {stamp:%b}" + (f" {stamp:%y}" if year else "")


def contract_words(symbol: str) -> str:
    """Return an option's OCC symbol as people say it: ``AAPL 19 Jul 14 645 call``."""
    contract = parse_occ_symbol(symbol)
    strike = written(float(contract.strike), 2).removesuffix(".00")
    side = "call" if contract.right == "C" else "put"
    return f"{contract.root} {day_words(contract.expiry, year=True)} {strike} {side}"


def findings_of(chain: pd.DataFrame) -> list[str]:
    """Return what to know about a chain, counted: rows without a volatility, rows that carry a flag."""
    found = []
    reasons = chain.loc[chain["status"] != "ok", "status"].astype(str).str.split(":").str[0]
    for reason, count in reasons.value_counts().items():
        found.append(f"{count:,} of {len(chain):,} quotes have no volatility: {reason_words(str(reason))}.")
    flags = chain["flags"].astype(str).str.split("; ").explode()
    # What differs from row to row by its numbers alone is one finding.
    kinds = flags[flags != ""].str.replace(NUMBER, "…", regex=True)
    for kind, rows in flags.groupby(kinds):
        alike = str(rows.iloc[0]) if rows.nunique() == 1 else str(kind)
        found.append(f"{len(rows):,} quotes: {alike}.")
    parted = int((chain["parts"].astype(str) != "").sum())
    if parted:
        found.append(f"In {parted:,} quotes our figures part from the vendor's.")
    return found


REASONS = {
    "no_bid": "nobody bids",
    "no_ask": "nobody offers",
    "crossed": "bid above ask",
    "below_intrinsic": "the middle is below intrinsic value",
    "above_bound": "the middle is above what any volatility gives",
    "no_time": "no time is left",
    "missing": "an input is missing",
}


def reason_words(status: str) -> str:
    """Return why a quote has no volatility, in words; the desk's own sentence where it gives one."""
    code, _, sentence = status.partition(": ")
    return sentence or REASONS.get(code, code.replace("_", " "))


def unpriced_html(rows: pd.DataFrame, *, shown: str) -> str:
    """Return how many strikes of an expiry have no volatility, why, and the button that shows them."""
    bad = rows[rows["status"] != "ok"]
    if bad.empty:
        return ""
    strikes, of = bad["strike"].nunique(), rows["strike"].nunique()
    codes = bad["status"].astype(str).str.split(":").str[0].value_counts()
    why = ", ".join(f"{REASONS.get(str(code), str(code))} ({count})" for code, count in codes.items())
    plural = "strike has" if of == 1 else "strikes have"
    button = say_button("rows unpriced", "Show them.", kind="wb-link") if shown != "unpriced" else ""
    return f"<span>{strikes} of {of} {plural} a quote without volatility: {escape(why)}. {button}</span>"


def empty_html(symbol: str, symbols: Iterable[str], why: str) -> str:
    """Return the state of a page without a chain: what, why, and the command that loads one."""
    others = list(symbols)
    have = f" The desk has chains of {', '.join(others)}." if others else ""
    what = f"No option chain of {symbol}" if symbol else "No option chain"
    return state_html(
        what,
        f"{why}{have} Load one with `workbench load FILE --kind chain`, or make the example desk with "
        "`workbench demo`; then open this page again. The calculator needs no chain.",
    )


def bare_header_html(title: str, as_of: str, *, role: str) -> str:
    """Return the header of a page that has no chain to show."""
    return (
        f'<header class="wb-head"><h1>{escape(title)}</h1><span>As of <strong>{escape(as_of)}</strong></span>'
        f"<span>Role: {escape(role)}</span></header>"
    )


def rows_html(rows: pd.DataFrame, *, shown: str) -> str:
    """Return what stands under the chain: how many strikes there are, and those without a volatility."""
    of = rows["strike"].nunique()
    if shown == "near":
        more = say_button("rows all", f"Show all {of} strikes", kind="wb-link")
    else:
        more = say_button("rows near", "Show the strikes near the money", kind="wb-link")
    return f'<div class="wb-more"><span>{more}</span>{unpriced_html(rows, shown=shown)}</div>'
