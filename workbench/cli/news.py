"""News and dates of reports."""

from typing import TYPE_CHECKING

import click

from workbench.cli.options import DAYS, ROWS, DeskCommand, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk


@click.command(cls=DeskCommand)
@click.argument("symbols", nargs=-1)
@click.option("--from", "source", metavar="SERVICE", help="Fetch from a service first, as rss or benzinga.")
@click.option("--start", help="First date.  [default: a week before the end]")
@click.option("--end", help="Last date.")
@click.option("--as-of", help="Only what the desk had seen by then, in the words of then.")
@click.option("--known-at", help="What the desk knew at that instant.  [default: --as-of]")
@click.option("--scorer", type=click.Choice(["lexicon", "finbert", "source"]), help="Who tells the tone.")
@click.option("--last", type=ROWS, default=20, show_default=True, help="How many stories.")
@pass_desk
def news(
    desk: "Desk",
    symbols: tuple[str, ...],
    source: str | None,
    start: str | None,
    end: str | None,
    as_of: str | None,
    known_at: str | None,
    scorer: str | None,
    last: int,
) -> None:
    """Show news about SYMBOLS, one line a story, and their tone by ticker.

    Example: workbench news AAPL --from benzinga
    """
    from workbench.cli.show import show_frame

    if source is not None:
        for line in desk.fetch_news(source, list(symbols), start=start, end=end).lines():
            click.echo(line)
    wanted = list(symbols) or None
    frame = desk.news(wanted, start, end, as_of=as_of, known_at=known_at)
    show_frame(
        frame.head(last),
        {
            "time": ("Published, UTC", ""),
            "headline": ("Headline", ""),
            "symbols": ("Symbols", ""),
            "sources": ("Sources", ""),
        },
        title=f"News, {len(frame):,} stories",
        note=frame.note,
    )
    if frame.empty:
        click.echo("`workbench news --from rss` fetches some; docs/news.md lists the services.")
        return
    tone = desk.sentiment(wanted, start, end, as_of=as_of, known_at=known_at, scorer=scorer)
    show_frame(
        tone.head(last),
        {
            "symbol": ("Symbol", ""),
            "balance": ("Balance, -1 to 1", "+.2f"),
            "bullish": ("Bullish", ",.0f"),
            "bearish": ("Bearish", ",.0f"),
            "neutral": ("Neutral", ",.0f"),
            "authors": ("Authors", ",.0f"),
            "reason": ("Why there is no balance", ""),
            "scorer": ("Told by", ""),
        },
        title="Tone",
        note=tone.note,
    )


@click.command(cls=DeskCommand)
@click.argument("symbols", nargs=-1)
@click.option("--from", "source", metavar="SERVICE", help="Fetch from a service first, as finnhub or fmp.")
@click.option("--days", type=DAYS, default=120, show_default=True, help="How many days ahead.")
@click.option("--as-of", help="What the desk knew then.")
@click.option("--revisions", is_flag=True, help="Every version that every source gave.")
@pass_desk
def earnings(
    desk: "Desk", symbols: tuple[str, ...], source: str | None, days: int, as_of: str | None, revisions: bool
) -> None:
    """Show when SYMBOLS report, and between which instants their price may jump.

    Example: workbench earnings AAPL --from finnhub
    """
    import pandas as pd

    from workbench.cli.show import show_frame

    first = pd.Timestamp(desk.as_of(as_of).session)
    last = first + pd.Timedelta(days=days)
    if source is not None:
        summary = desk.ingest(source, list(symbols), start=first, end=last, kinds=("earnings",))
        for line in summary.lines():
            click.echo(line)
    frame = desk.earnings(list(symbols) or None, first, last, as_of=as_of, revisions=revisions)
    versions = {
        "symbol": ("Symbol", ""),
        "source": ("Source", ""),
        "fiscal_period": ("Period", ""),
        "date": ("Date", ""),
        "session": ("Session", ""),
        "recorded_at": ("Learned, UTC", ""),
        "replaced_at": ("Replaced, UTC", ""),
    }
    reports = {
        "symbol": ("Symbol", ""),
        "date": ("Date", ""),
        "session": ("Session", ""),
        "jump_after": ("Jump after, UTC", ""),
        "jump_before": ("Jump before, UTC", ""),
        "eps_estimate": ("EPS expected, $", ",.2f"),
        "said": ("What sources say", ""),
    }
    show_frame(frame, versions if revisions else reports, title=frame.title, note=frame.note)
    if frame.empty:
        click.echo("`workbench earnings --from finnhub` fetches some; docs/news.md lists the services.")
