"""A chain, its expiries and its surface on a terminal."""

import re
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.book import as_of_option
from workbench.cli.options import DeskCommand, pass_desk

if TYPE_CHECKING:
    import pandas as pd

    from workbench.desk import Desk, DeskFrame

QUOTE_COLUMNS = {
    "expiry": ("Expiry", ""),
    "strike": ("Strike", ",.2f"),
    "right": ("", ""),
    "bid": ("Bid, $", ",.2f"),
    "ask": ("Ask, $", ",.2f"),
    "volatility": ("Implied vol, %", ",.1f"),
    "vendor_volatility": ("Vendor, %", ",.1f"),
    "delta": ("Delta", ",.3f"),
    "gamma": ("Gamma", ",.4f"),
    "theta_day": ("Theta, $ a day", ",.3f"),
    "vega_point": ("Vega, $ a pt", ",.3f"),
    "said": ("Status", ""),
}
SIDE_COLUMNS = {
    "delta_C": ("Call delta", ",.2f"),
    "volatility_C": ("Vol, %", ",.1f"),
    "bid_C": ("Bid, $", ",.2f"),
    "ask_C": ("Ask, $", ",.2f"),
    "strike": ("Strike", ",.2f"),
    "bid_P": ("Bid, $", ",.2f"),
    "ask_P": ("Ask, $", ",.2f"),
    "volatility_P": ("Vol, %", ",.1f"),
    "delta_P": ("Put delta", ",.2f"),
    "said": ("Status", ""),
}
EXPIRY_COLUMNS = {
    "expiry": ("Expiry", ""),
    "root": ("Root", ""),
    "settlement": ("Settles", ""),
    "days": ("Days", ",.0f"),
    "forward": ("Forward, $", ",.2f"),
    "rate_percent": ("Rate, %", ",.2f"),
    "yield_percent": ("Yield, %", ",.2f"),
    "carry": ("Told by", ""),
    "volatility": ("Vol at the money, %", ",.1f"),
    "expected_move": ("Expected move, $", ",.2f"),
    "open_interest": ("Open interest", ",.0f"),
    "quotes": ("Quotes", ",.0f"),
    "priced": ("Priced", ",.0f"),
}
DEFAULT_STRIKES = 10
FLAG_BEGINNINGS = ("stale:", "forward ", "spot ", "wide:", "arbitrage:")
MOST_FLAGS = 6


@click.command(cls=DeskCommand)
@click.argument("symbol")
@as_of_option
@click.option("--expiry", help="Expiration date.  [default: the next one of a week or more]")
@click.option(
    "--strikes",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_STRIKES,
    show_default=True,
    help="How many strikes to each side of the forward.",
)
@click.option("--every", is_flag=True, help="Every quote of every expiry, one a row.")
@click.option("--expiries", is_flag=True, help="One line an expiry instead.")
@click.option("--surface", is_flag=True, help="The fitted surface by delta instead.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every column as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print every column as JSON.")
@pass_desk
def chain(
    desk: "Desk",
    symbol: str,
    as_of: str | None,
    expiry: str | None,
    strikes: int,
    every: bool,
    expiries: bool,
    surface: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show the option chain of SYMBOL: bid, ask, our implied volatility and delta, calls left, puts right.

    Example: workbench chain SPY --as-of 2021-03-01 --expiries
    """
    if sum((expiries, surface, every or expiry is not None)) > 1:
        raise click.UsageError(
            "--expiries, --surface and --expiry or --every ask different questions; give one."
        )
    if surface:
        _surface(desk, symbol, as_of, as_csv=as_csv, as_json=as_json)
        return
    if expiries:
        frame = desk.expiries(symbol, as_of)
        if not _written_out(frame, as_csv=as_csv, as_json=as_json):
            _show_expiries(frame)
        return
    frame = desk.chain(symbol, as_of, expiry=expiry)
    if _written_out(frame, as_csv=as_csv, as_json=as_json):
        return
    if every:
        _show_rows(frame)
        return
    if expiry is None:
        days = frame["days"]
        ahead = days[days >= 7]
        chosen = ahead.min() if len(ahead) else days.max()
        frame = frame[days.eq(chosen)]
    for root, part in frame.groupby("root", sort=False):
        _show_sides(part, str(root), strikes, frame.title, frame.note)


def _written_out(frame: "pd.DataFrame", *, as_csv: bool, as_json: bool) -> bool:
    if as_csv:
        click.echo(frame.to_csv(index=frame.index.name is not None), nl=False)
    elif as_json:
        body = frame.reset_index() if frame.index.name is not None else frame
        click.echo(body.to_json(orient="records", date_format="iso", indent=2, double_precision=15))
    return as_csv or as_json


def _show_rows(frame: "DeskFrame") -> None:
    from workbench.cli.show import show_frame

    body = _with_percent(frame)
    body["said"] = [
        _said(status, parts) for status, parts in zip(frame["status"], frame["parts"], strict=True)
    ]
    columns = QUOTE_COLUMNS
    if frame["vendor_implied_volatility"].isna().all():
        columns = {name: spec for name, spec in columns.items() if name != "vendor_volatility"}
    show_frame(body.reset_index(drop=True), columns, title=frame.title, note=frame.note)


def _said(status: str, parts: str) -> str:
    if status != "ok":
        return status
    return f"from the vendor: {parts}" if parts else ""


def _with_percent(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame.assign(
        volatility=frame["implied_volatility"] * 100,
        vendor_volatility=frame["vendor_implied_volatility"] * 100,
    )


def _show_sides(part: "pd.DataFrame", root: str, strikes: int, title: str, note: str) -> None:
    """Print one expiry: calls left, strike, puts right."""
    import numpy as np
    import pandas as pd

    from workbench.cli.show import console, show_frame

    first = part.iloc[0]
    body = _with_percent(part)
    wide = body.pivot_table(
        index="strike", columns="right", values=["delta", "volatility", "bid", "ask"], dropna=False
    )
    wide.columns = pd.Index([f"{each[0]}_{each[1]}" for each in wide.columns])
    codes = body["status"].str.partition(":")[0].where(body["status"].ne("ok"))
    said = (body["right"].map({"C": "call ", "P": "put "}) + codes).dropna()
    wide["said"] = said.groupby(body["strike"]).agg(", ".join).reindex(wide.index).fillna("")
    center = first["forward"] if np.isfinite(first["forward"]) else first["spot"]
    every = wide.index.to_numpy()
    at = int(np.searchsorted(every, center)) if np.isfinite(center) else len(every) // 2
    shown = wide.iloc[max(0, at - strikes) : at + strikes].reset_index()
    forward = f"forward {center:,.2f}" if np.isfinite(center) else "forward unknown"
    day = f"{first['expiry']:%Y-%m-%d} {first['settlement']}"
    heading = f"{title}, {root} {day}, {first['days']:.0f} days, {forward}"
    left_out = len(wide) - len(shown)
    more = f"; {left_out} strikes farther out are not shown" if left_out else ""
    show_frame(shown, SIDE_COLUMNS, title=heading, note=note + more)
    for line in _flag_lines(part["flags"].tolist()):
        console().print(line, markup=False, highlight=False)


def _flag_lines(flags: list[str]) -> list[str]:
    """Say each kind of flag once, with how many quotes have it; figures differ from quote to quote."""
    kinds: dict[str, list[str]] = {}
    for text in flags:
        # What an arbitrage says may hold semicolons of its own.
        own = [part for part in text.split("; ") if part.startswith(FLAG_BEGINNINGS)]
        for part in own:
            kinds.setdefault(re.sub(r"-?\d[\d.,]*(e-?\d+)?", "#", part), []).append(part)
    lines = []
    for found in kinds.values():
        alike = "" if len(set(found)) == 1 else ", and the like"
        lines.append(f"{found[0]}{alike} ({len(found)} of {len(flags)} quotes)")
    return sorted(lines)[:MOST_FLAGS]


def _show_expiries(frame: "DeskFrame") -> None:
    from workbench.cli.show import show_frame

    body = frame.assign(
        volatility=frame["atm_volatility"] * 100,
        rate_percent=frame["rate"] * 100,
        yield_percent=frame["dividend_yield"] * 100,
    )
    show_frame(body, EXPIRY_COLUMNS, title=frame.title, note=frame.note)


def _surface(desk: "Desk", symbol: str, as_of: str | None, *, as_csv: bool, as_json: bool) -> None:
    from workbench.cli.show import show_frame

    result: Any = desk.surface(symbol, as_of)
    table = result.table
    if _written_out(table, as_csv=as_csv, as_json=as_json):
        return
    body = table * 100
    body.columns = [str(name) for name in body.columns]
    body.index = [f"{day:%Y-%m-%d}" for day in table.index]
    body.index.name = "expiry"
    columns = {"expiry": ("Expiry", "")} | {name: (name, ",.1f") for name in body.columns}
    show_frame(body, columns, title=f"{symbol} implied volatility, %, by delta", note=result.note)
