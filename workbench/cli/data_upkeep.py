"""What the desk's data are: how much and how fresh, what is missing, and how they are kept small."""

from typing import TYPE_CHECKING

import click

from workbench.cli.data import show_ingest, tracked
from workbench.cli.options import DAYS, FAILED, ROWS, DeskGroup, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk


@click.group(cls=DeskGroup)
def data() -> None:
    """Look after the data: status, gaps, compact."""


@data.command()
@click.option("--interval", default="1d", show_default=True, help="Bars whose sessions are counted.")
@pass_desk
def status(desk: "Desk", interval: str) -> None:
    """Show tables, freshness, sessions held and missing, calls saved, and the state of each service."""
    from workbench.cli.connect import show_connections
    from workbench.cli.show import show_frame

    show_frame(
        desk.status().tables,
        {
            "table": ("Table", ""),
            "rows": ("Rows", ",.0f"),
            "symbols": ("Symbols", ",.0f"),
            "first": ("First", ""),
            "last": ("Last", ""),
            "recorded_at": ("Written, UTC", ""),
            "files": ("Files", ",.0f"),
            "bytes": ("Bytes", ",.0f"),
        },
        title="Tables of the lake",
    )
    held = desk.coverage(interval=interval)
    show_frame(
        held,
        {
            "symbol": ("Symbol", ""),
            "first": ("First", ""),
            "last": ("Last", ""),
            "held": ("Sessions held", ",.0f"),
            "missing": ("Missing", ",.0f"),
            "answered_empty": ("Answered empty", ",.0f"),
            "source": ("Source", ""),
        },
        title=held.title,
        note=held.note,
    )
    asked = desk.asked()
    show_frame(
        asked,
        {
            "provider": ("Provider", ""),
            "calls": ("Calls made", ",.0f"),
            "held": ("Known already", ",.0f"),
            "rate": ("Rate", ".0%"),
        },
        title=asked.title,
        note=asked.note,
    )
    show_connections(desk)


@data.command()
@click.argument("symbols", nargs=-1)
@click.option("--start", help="First session.")
@click.option("--end", help="Last session.")
@click.option("--interval", default="1d", show_default=True, help="Interval of the bars.")
@click.option("--last", type=ROWS, default=50, show_default=True, help="How many rows.")
@click.option("--fill", is_flag=True, help="Ask the services for what was never answered.")
@pass_desk
def gaps(
    desk: "Desk",
    symbols: tuple[str, ...],
    start: str | None,
    end: str | None,
    interval: str,
    last: int,
    fill: bool,
) -> None:
    """Show what is missing of SYMBOLS (all without one): sessions without bars, and silent live feeds."""
    from workbench.cli.show import show_frame

    chosen = list(symbols) or None
    done = True
    if fill:
        with tracked("Filling") as on_progress:
            summaries = desk.fill_gaps(chosen, on_progress=on_progress)
        shown = [show_ingest(summary) for summary in summaries]
        done = all(shown)
        if not summaries:
            click.echo("No service was ever asked for these; `workbench ingest` asks one.")
    found = desk.gaps(chosen, start, end, interval=interval)
    show_frame(
        found.head(last),
        {
            "symbol": ("Symbol", ""),
            "interval": ("Interval", ""),
            "first": ("First", ""),
            "last": ("Last", ""),
            "sessions": ("Sessions", ",.0f"),
            "reason": ("Why", ""),
            "source": ("Source", ""),
        },
        title=found.title,
        note=found.note,
    )
    if not done:
        click.get_current_context().exit(FAILED)


@data.command()
@click.option("--keep-days", type=DAYS, default=7, show_default=True, help="Snapshots kept.")
@pass_desk
def compact(desk: "Desk", keep_days: int) -> None:
    """Merge small files, let old snapshots go, and forget what the retention settings no longer keep."""
    forgotten = desk.forget_old()
    for table, rows in forgotten.items():
        click.echo(f"{table}: {rows:,} rows older than the setting `retention.{table}` are gone.")
    before, after = desk.compact(keep_days=keep_days)
    click.echo(f"{before:,} files before, {after:,} after.")
