"""Data in and out of the lake."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from workbench.cli.options import FAILED, ROWS, DeskCommand, pass_desk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from workbench.desk import Desk
    from workbench.desk.ingest_summary import IngestSummary

SUMMARY_COLUMNS = {
    "symbol": ("Symbol", ""),
    "new": ("New, rows", ",.0f"),
    "changed": ("Changed, rows", ",.0f"),
    "unchanged": ("Unchanged, rows", ",.0f"),
    "quarantined": ("Quarantined, rows", ",.0f"),
}
BAR_COLUMNS = {
    "time": ("Session", ""),
    "open": ("Open", ",.2f"),
    "high": ("High", ",.2f"),
    "low": ("Low", ",.2f"),
    "close": ("Close", ",.2f"),
    "volume": ("Volume", ",.0f"),
}


@click.command(cls=DeskCommand)
@click.argument("provider")
@click.argument("symbols", nargs=-1)
@click.option("--start", help="First day, as 2013-01-02, or instant.  [default: as the kind needs]")
@click.option("--end", help="Last day or instant.  [default: now]")
@click.option("--interval", default="1d", show_default=True, help="Interval of the bars.")
@click.option(
    "--kinds",
    default="bars",
    show_default=True,
    help="What to fetch, by commas: bars, corporate_actions, quotes, trades, latest_quotes, option_chain, "
    "news, earnings, rates, metrics.",
)
@click.option("--refresh", is_flag=True, help="Ask again for what is held; old values stay in the history.")
@click.option("--fallback", help="Provider for what the first cannot give now; its rows say so.")
@pass_desk
def ingest(
    desk: "Desk",
    provider: str,
    symbols: tuple[str, ...],
    start: str | None,
    end: str | None,
    interval: str,
    kinds: str,
    refresh: bool,
    fallback: str | None,
) -> None:
    """Fetch data of SYMBOLS from PROVIDER (sample, files, alpaca, ...); `all` means every symbol it has.

    Only what the desk lacks is asked for. Example: workbench ingest alpaca AAPL SPY --interval 1m
    """
    with tracked("Ingesting") as on_progress:
        summary = desk.ingest(
            provider,
            "all" if symbols == ("all",) else list(symbols),
            start=start,
            end=end,
            interval=interval,
            kinds=[kind.strip().replace("-", "_") for kind in kinds.split(",") if kind.strip()],
            refresh=refresh,
            fallback=fallback,
            on_progress=on_progress,
        )
    if not show_ingest(summary):
        click.get_current_context().exit(FAILED)


@contextmanager
def tracked(title: str) -> "Iterator[Callable[[str, int, int], None]]":
    """Show a progress bar while something is fetched, and hand out what moves it."""
    from workbench.cli.show import progress_bar

    with progress_bar() as progress:
        task = progress.add_task(title, total=None)
        yield lambda name, done, total: progress.update(task, description=name, completed=done, total=total)


def show_ingest(summary: "IngestSummary") -> bool:
    """Show what an ingest did and what it was told; say whether all that was asked could be done."""
    if summary.empty and summary.complete:
        told = f"{summary.calls:,} calls brought nothing new" if summary.calls else "nobody was asked"
        click.echo(f"The desk holds all of it already; {told}.")
        return True
    if len(summary):
        _show_summary(summary)
    for line in summary.lines():
        click.echo(line)
    refused = int(summary["quarantined"].sum())
    if refused:
        click.echo(f"{refused:,} rows were refused; `workbench quarantine` says why.")
    return summary.complete


@click.command(cls=DeskCommand)
@click.argument("path", type=click.Path())
@click.option(
    "--kind",
    type=click.Choice(["bars", "chain", "fills", "quotes", "trades", "news", "earnings", "rates", "metrics"]),
    required=True,
    help="What the rows are.",
)
@click.option("--source", help="Where the data come from.  [default: the file's name]")
@click.option("--symbol", help="Symbol of the rows, or underlying of a chain, where no column says it.")
@click.option(
    "--column", "columns", multiple=True, metavar="THEIRS=OURS", help="Name a column; may be repeated."
)
@click.option("--time-zone", help="Zone of times without one, as America/New_York.")
@click.option("--encoding", help="Encoding of the text, when it is not UTF-8.")
@click.option("--interval", help="Interval of the bars, as 1d or 5m.  [default: read from their times]")
@pass_desk
def load(
    desk: "Desk",
    path: str,
    kind: str,
    source: str | None,
    symbol: str | None,
    columns: tuple[str, ...],
    time_zone: str | None,
    encoding: str | None,
    interval: str | None,
) -> None:
    """Load your own CSV or Parquet file of bars, an option chain, fills, quotes, trades, news and more.

    Example: workbench load prices.csv --kind bars --column "Adj Close=ignore"
    """
    from pathlib import Path

    mapping = dict(_pair(text) for text in columns)
    summary = desk.load(
        path,
        kind=kind,
        source=source or Path(path).name,
        symbol=symbol,
        columns=mapping or None,
        time_zone=time_zone,
        encoding=encoding,
        interval=interval,
    )
    _show_summary(summary)
    refused = int(summary["quarantined"].sum())
    if refused:
        click.echo(f"{refused:,} rows were refused; `workbench quarantine` says why.")


@click.command(cls=DeskCommand)
@click.argument("symbol")
@click.option("--start", help="First session.")
@click.option("--end", help="Last session.")
@click.option(
    "--adjust",
    type=click.Choice(["all", "splits", "none"]),
    default="all",
    show_default=True,
    help="Adjust for splits and dividends, for splits, or not at all.",
)
@click.option("--known-at", help="Only what the desk knew at that instant.")
@click.option("--last", type=ROWS, default=20, show_default=True, help="How many rows.")
@pass_desk
def bars(
    desk: "Desk",
    symbol: str,
    start: str | None,
    end: str | None,
    adjust: str,
    known_at: str | None,
    last: int,
) -> None:
    """Show the last bars of SYMBOL."""
    from workbench.cli.show import show_frame

    frame = desk.bars(
        symbol,
        start,
        end,
        adjust=None if adjust == "none" else adjust,  # type: ignore[arg-type]
        known_at=known_at,
    )
    show_frame(
        frame.tail(last),
        BAR_COLUMNS,
        title=f"{symbol}, $ a share, {len(frame):,} bars",
        note=f"adjusted: {adjust}; {desk.as_of().note}",
    )


@click.command(cls=DeskCommand)
@click.option("--last", type=ROWS, default=50, show_default=True, help="How many rows.")
@pass_desk
def quarantine(desk: "Desk", last: int) -> None:
    """Show the rows that were refused, with line and reason."""
    from workbench.cli.show import show_frame

    show_frame(
        desk.quarantine().head(last),
        {
            "source": ("Source", ""),
            "line": ("Line", ",.0f"),
            "reason": ("Reason", ""),
            "text": ("Row", ""),
        },
        title="Quarantined rows",
    )


def _pair(text: str) -> tuple[str, str]:
    theirs, separator, ours = text.partition("=")
    if not separator or not theirs or not ours:
        raise click.BadParameter(f"{text!r} is not THEIRS=OURS, as in 'Adj Close=close'.")
    return theirs, ours


def _show_summary(summary: "pd.DataFrame") -> None:
    from workbench.cli.show import show_frame

    show_frame(summary, SUMMARY_COLUMNS, title=getattr(summary, "title", ""))
