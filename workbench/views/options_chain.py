"""The chain of one expiry as a table: calls, strike, puts; a price adds a leg."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.plots import written
from workbench.views.options_parts import reason_words, say_button

NEAR = 22  # strikes shown at first
BY_STRIKE = "strike"
# What each column of one side can be sorted by; `right column` is what its header says.
COLUMNS = {
    "oi": ("open_interest", "Open<br>interest"),
    "iv": ("implied_volatility", "IV, %"),
    "delta": ("delta", "Delta"),
    "bid": ("bid", "Bid, $"),
    "ask": ("ask", "Ask, $"),
}
ORDERS = (BY_STRIKE, *(f"{right}-{name}" for right in "CP" for name in COLUMNS))


def strikes_shown(rows: pd.DataFrame, *, spot: float, shown: str, legs: Mapping[str, float]) -> list[float]:
    """Return the strikes of the table, ascending.

    Parameters
    ----------
    rows : DataFrame
        One expiry of `Desk.chain`.
    spot : float
        Price of the underlying.
    shown : {"near", "all", "unpriced"}
        Those of the legs and the nearest to the spot, 22 together; all; or those without a volatility.
    legs : mapping of OCC symbol to contracts
        What has been added.
    """
    strikes = np.sort(rows["strike"].unique())
    if shown == "all" or (len(strikes) <= NEAR and shown == "near"):
        return [float(strike) for strike in strikes]
    if shown == "unpriced":
        return sorted(float(strike) for strike in rows.loc[rows["status"] != "ok", "strike"].unique())
    middle = int(np.searchsorted(strikes, spot))
    nearest = np.argsort(np.abs(np.arange(len(strikes)) - (middle - 0.5)), kind="stable")
    held = np.nonzero(np.isin(strikes, rows.loc[rows["symbol"].isin(list(legs)), "strike"]))[0]
    wanted = dict.fromkeys([*held.tolist(), *nearest.tolist()])
    chosen = sorted(list(wanted)[: max(NEAR, len(held))])
    return [float(strike) for strike in strikes[chosen]]


def in_order(strikes: list[float], rows: pd.DataFrame, order: str, *, falling: bool) -> list[float]:
    """Return strikes in the order of a column; those without a value come last, either way.

    Parameters
    ----------
    strikes : list of float
        What is shown, ascending.
    rows : DataFrame
        One expiry of `Desk.chain`.
    order : str
        One of `ORDERS`: ``strike``, or a right and a column, as in ``P-bid``.
    falling : bool
        The largest first.
    """
    if order == BY_STRIKE:
        return strikes[::-1] if falling else strikes
    right, _, name = order.partition("-")
    side = rows[rows["right"] == right].drop_duplicates("strike").set_index("strike")
    values = (
        side[COLUMNS[name][0]]
        .reindex(strikes)
        .sort_values(ascending=not falling, kind="stable", na_position="last")
    )
    return [float(strike) for strike in values.index]


def chain_html(
    rows: pd.DataFrame,
    *,
    spot: float,
    shown: str,
    legs: Mapping[str, float],
    lots: int,
    order: str = BY_STRIKE,
    falling: bool = False,
) -> str:
    """Return the chain of one expiry as an HTML table.

    Parameters
    ----------
    rows : DataFrame
        One expiry of `Desk.chain`.
    spot : float
        Price of the underlying: calls below it and puts above it are in the money and shaded.
    shown : str
        As for `strikes_shown`.
    legs : mapping of OCC symbol to contracts, signed
        Marked at their row.
    lots : int
        Contracts that a click adds; said in each button's title.
    order : str
        One of `ORDERS`; the rule at the spot and the gaps between strikes show by strike alone.
    falling : bool
        The largest first.
    """
    strikes = in_order(strikes_shown(rows, spot=spot, shown=shown, legs=legs), rows, order, falling=falling)
    by = {(row["strike"], row["right"]): row for row in rows.to_dict("records")}
    most = rows["open_interest"].max() if rows["open_interest"].notna().any() else float("nan")
    has_interest = bool(np.isfinite(most) and most > 0)
    digits = 2 if (np.round(rows["strike"] % 1, 6) != 0).any() or spot < 1000 else 0
    body: list[str] = []
    listed = np.sort(rows["strike"].unique())
    places = np.searchsorted(listed, strikes)
    for number, strike in enumerate(strikes):
        rule = ""
        if number and order == BY_STRIKE:
            before = strikes[number - 1]
            if min(before, strike) <= spot < max(before, strike):
                rule = ' class="wb-spot-rule"'
            elif abs(places[number] - places[number - 1]) > 1 and shown == "near":
                rule = ' class="wb-gap"'
        call = _side(by.get((strike, "C")), legs, lots, most, inside=strike < spot)
        put = _side(by.get((strike, "P")), legs, lots, most, inside=strike > spot)
        outward = ("leg", "oi", "iv", "delta", "bid", "ask")
        mirrored = ("bid", "ask", "delta", "iv", "oi", "leg")
        body.append(
            f"<tr{rule}>{''.join(call[name] for name in outward if has_interest or name != 'oi')}"
            f'<th scope="row">{written(strike, digits)}</th>'
            f"{''.join(put[name] for name in mirrored if has_interest or name != 'oi')}</tr>"
        )
    return (
        f'<table class="wb-chain">{_head(has_interest, order, falling=falling)}'
        f"<tbody>{''.join(body)}</tbody></table>"
        f'<p class="wb-hidden">{escape(describe_chain(rows, spot))}</p>'
    )


def describe_chain(rows: pd.DataFrame, spot: float) -> str:
    """Return the chain in one sentence."""
    low, high = written(rows["strike"].min(), 2), written(rows["strike"].max(), 2)
    return (
        f"{len(rows)} quotes at {rows['strike'].nunique()} strikes from {low} to {high} $ "
        f"around a spot of {written(spot, 2)} $; "
        f"{int((rows['status'] == 'ok').sum())} have a volatility."
    )


def _head(has_interest: bool, order: str, *, falling: bool) -> str:
    def column(key: str, text: str, kind: str = "") -> str:
        sorted_by = key == order
        state = f' aria-sort="{"descending" if falling else "ascending"}"' if sorted_by else ""
        mark = f' <span aria-hidden="true">{"▾" if falling else "▴"}</span>' if sorted_by else ""
        name = f' class="{kind}"' if kind else ""
        button = say_button(f"sort {key}", text + mark, kind="wb-sort")
        return f'<th scope="col"{name}{state}>{button}</th>'

    def side(right: str, names: tuple[str, ...]) -> str:
        wide = {"oi", "iv", "delta"}
        return "".join(
            column(f"{right}-{name}", COLUMNS[name][1], "wb-wide" if name in wide else "")
            for name in names
            if has_interest or name != "oi"
        )

    leg = '<th scope="col" class="wb-leg">Leg</th>'
    calls = leg + side("C", ("oi", "iv", "delta", "bid", "ask"))
    puts = side("P", ("bid", "ask", "delta", "iv", "oi")) + leg
    # On a narrow page the hidden columns leave the two groups three columns each.
    span = 6 if has_interest else 5
    return (
        f'<thead><tr><th colspan="{span}" class="wb-wide" scope="colgroup">Calls</th>'
        '<th class="wb-none wb-wide"></th>'
        f'<th colspan="{span}" class="wb-wide" scope="colgroup">Puts</th></tr>'
        f"<tr>{calls}{column(BY_STRIKE, 'Strike, $', 'wb-strike')}{puts}</tr></thead>"
    )


def _side(row: Any, legs: Mapping[str, float], lots: int, most: float, *, inside: bool) -> dict[str, str]:
    """Return the cells of one contract by name; blank where the contract is not listed."""
    tone = " in" if inside else ""
    if row is None:
        blank = dict.fromkeys(("bid", "ask"), f'<td class="{tone}"></td>')
        blank |= dict.fromkeys(("iv", "delta"), f'<td class="wb-wide{tone}"></td>')
        return {**blank, "oi": '<td class="wb-wide"></td>', "leg": '<td class="wb-leg"></td>'}
    symbol = str(row["symbol"])
    name = f"{written(row['strike'], 2)} {'call' if row['right'] == 'C' else 'put'}"
    held = row["open_interest"]
    share = f' style="--share:{100 * held / most:.0f}%"' if pd.notna(held) and pd.notna(most) and most else ""
    contracts = legs.get(symbol, 0.0)
    chip = leg_chip(symbol, contracts, name) if contracts else ""
    reason = "" if row["status"] == "ok" else reason_words(str(row["status"]))
    return {
        "leg": f'<td class="wb-leg">{chip}</td>',
        "oi": f'<td class="wb-wide wb-oi"{share}>{_or_dash(held, 0, "no open interest in the source")}</td>',
        "iv": f'<td class="wb-wide wb-iv{tone}">{_volatility(row, name, reason)}</td>',
        "delta": f'<td class="wb-wide{tone}">{_or_dash(row["delta"], 2, reason)}</td>',
        "bid": f'<td class="wb-price{tone}">{_price(row, "bid", -lots, f"Sell {lots} of the {name}")}</td>',
        "ask": f'<td class="wb-price{tone}">{_price(row, "ask", lots, f"Buy {lots} of the {name}")}</td>',
    }


def leg_chip(symbol: str, contracts: float, name: str) -> str:
    """Return the chip of a leg; it says that the leg is to go."""
    sold = contracts < 0
    title = f"{'Sold' if sold else 'Bought'} {written(abs(contracts))} of the {name}; take it away"
    kind = f"wb-chip-leg {'sold' if sold else 'bought'}"
    return say_button(f"drop {symbol}", written(contracts, signed=True), title=title, kind=kind)


def _price(row: Any, side: str, contracts: int, what: str) -> str:
    price = row[side]
    if pd.isna(price):
        return f'<span class="missing" title="{"nobody bids" if side == "bid" else "nobody offers"}">–</span>'
    title = f"{what} at {written(price, 2)}"
    return say_button(f"leg {contracts} {row['symbol']}", written(price, 2), title=title)


def _volatility(row: Any, name: str, reason: str) -> str:
    if pd.isna(row["implied_volatility"]):
        return _or_dash(float("nan"), 1, reason)
    text = written(row["implied_volatility"] * 100, 1)
    warned = f'<span class="wb-mark" title="{escape(str(row["parts"]))}">▲</span>' if row["parts"] else ""
    return warned + say_button(f"calculate {row['symbol']}", text, title=f"Open the {name} in the calculator")


def _or_dash(value: Any, digits: int, reason: str) -> str:
    if pd.isna(value):
        return f'<span class="missing" title="{escape(reason or "not known")}">–</span>'
    return written(float(value), digits)
