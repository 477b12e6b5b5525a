"""Live data: stream it, look at it, play a recorded day again."""

import time
from typing import TYPE_CHECKING

import click

from workbench.cli.options import DeskCommand, home_of, pass_desk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workbench.desk import Desk

KINDS = ("quotes", "trades", "bars")
QUOTE_COLUMNS = {
    "symbol": ("Symbol", ""),
    "bid": ("Bid", ",.2f"),
    "ask": ("Ask", ",.2f"),
    "last": ("Last", ",.2f"),
    "age_seconds": ("Age, s", ",.1f"),
    "state": ("State", ""),
    "reason": ("Why", ""),
    "source": ("Source", ""),
}
FEED_COLUMNS = {
    "feed": ("Feed", ""),
    "state": ("State", ""),
    "rate": ("Events/s", ",.0f"),
    "queue": ("Queue", ",.0f"),
    "lake_queue": ("To the lake", ",.0f"),
    "gaps": ("Gaps", ",.0f"),
    "quarantined": ("Quarantined", ",.0f"),
    "heard_seconds": ("Heard, s ago", ",.1f"),
    "detail": ("Detail", ""),
}


def _kinds(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    kinds = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    strange = [kind for kind in kinds if kind not in KINDS]
    if strange or not kinds:
        raise click.BadParameter(f"{text!r} holds none of {', '.join(KINDS)}; write them as quotes,trades.")
    return kinds


@click.command(cls=DeskCommand)
@click.argument("service", required=False)
@click.argument("symbols", nargs=-1)
@click.option("--kinds", callback=_kinds, help="What to stream: quotes,trades,bars.  [default: as last time]")
@click.option("--stop", "stopping", is_flag=True, help="End the streams, with all they have in the lake.")
@click.pass_context
def stream(
    ctx: click.Context,
    service: str | None,
    symbols: tuple[str, ...],
    kinds: tuple[str, ...] | None,
    stopping: bool,
) -> None:
    """Stream SYMBOLS of SERVICE into the desk until Ctrl-C, and remember them.

    Without arguments the remembered streams begin again.

    Example: workbench stream alpaca AAPL MSFT
    """
    from workbench.desk import Desk
    from workbench.desk.stream_process import remember
    from workbench.errors import UnsupportedError
    from workbench.settings import load_settings, make_home, write_setting

    home = make_home(home_of(ctx))
    if stopping:
        _stop(home, service)
        return
    if service is not None and symbols:
        # A service that the desk does not have is said before anything is remembered.
        with Desk.open(home, role="trader") as desk:
            provider = desk.provider(service)
        if "stream" not in getattr(provider, "kinds", ()):
            raise UnsupportedError(f"{provider.label} has no live stream; name another service.")
        remember(home, service, symbols)
    if kinds is not None:
        write_setting(home, "stream.kinds", list(kinds))
    watch = _watched(load_settings(home).stream.watch, service)
    with Desk.open(home, role="trader") as desk:
        _run(ctx, desk, watch)


@click.command(cls=DeskCommand)
@click.argument("symbols", nargs=-1)
@pass_desk
def quotes(desk: "Desk", symbols: tuple[str, ...]) -> None:
    """Show the latest quotes with their age, and whether they may be called live."""
    from workbench.cli.show import show_frame

    found = desk.quotes(list(symbols) or None)
    show_frame(found, QUOTE_COLUMNS, title=found.title, note=found.note)
    feeds = desk.feeds()
    if len(feeds):
        show_frame(feeds, FEED_COLUMNS, title="Feeds")


@click.command(cls=DeskCommand)
@click.argument("day")
@click.argument("symbols", nargs=-1)
@click.option(
    "--speed", type=float, default=1.0, show_default=True, help="60 is a minute a second, 0 at once."
)
@click.option("--kinds", callback=_kinds, default="quotes,trades", show_default=True, help="What to play.")
@pass_desk
def replay(desk: "Desk", day: str, symbols: tuple[str, ...], speed: float, kinds: tuple[str, ...]) -> None:
    """Play the recorded ticks of DAY again, through the same path as live ones.

    Example: workbench replay 2026-11-20 AAPL --speed 60
    """
    from workbench.cli.live_display import LiveDisplay
    from workbench.cli.show import show_frame

    with desk.replay(day, speed=speed, symbols=list(symbols) or None, kinds=kinds) as played:
        try:
            with LiveDisplay(played.quotes, played.feeds, f"{played.label}, not live"):
                while not played.wait(0.1):
                    pass
        except KeyboardInterrupt:
            played.stop()
        found = played.quotes()
        show_frame(found, QUOTE_COLUMNS, title=f"{played.label}, not live", note=found.note)
        click.echo(f"{int(played.feeds()['events'].sum()):,} of {played.events:,} events were played.")


def _run(ctx: click.Context, desk: "Desk", watch: "Mapping[str, Sequence[str]]") -> None:
    """Stream what no other process streams; of the rest only show what comes."""
    from workbench.cli.live_display import LiveDisplay
    from workbench.desk.stream_lease import process_of, stream_holder
    from workbench.desk.stream_process import stream_here

    holders = {service: stream_holder(desk._ledger, service) for service in watch}
    elsewhere = {service: holder for service, holder in holders.items() if holder is not None}
    for service, holder in elsewhere.items():
        click.echo(
            f"Process {process_of(holder)} streams {service} and follows its watch list; "
            f"`workbench stream {service} --stop` ends it."
        )
    ours = {service: symbols for service, symbols in watch.items() if service not in elsewhere}
    names = [symbol for symbols in watch.values() for symbol in symbols]
    title = "Streaming; Ctrl-C ends it with everything in the lake" if ours else "Ctrl-C ends the picture"
    with LiveDisplay(lambda: desk.quotes(names), desk.feeds, title):
        if not ours:
            try:
                while True:
                    time.sleep(0.2)
            except KeyboardInterrupt:
                return
        done = stream_here(desk, ours)
    if not done:
        click.secho("Error: the lake did not take everything; what it lacks is marked as a gap.", err=True)
        ctx.exit(1)
    click.echo("The stream has ended; all that came is in the lake.")


def _watched(watch: "Mapping[str, Sequence[str]]", service: str | None) -> "dict[str, Sequence[str]]":
    from workbench.errors import ArgumentError

    chosen = {name: symbols for name, symbols in watch.items() if symbols and service in (None, name)}
    if not chosen:
        which = f" of {service}" if service else ""
        raise ArgumentError(
            f"Nothing{which} is remembered to stream; name a service and symbols, "
            "as in `workbench stream alpaca AAPL MSFT`."
        )
    return chosen


def _stop(home: "Path", service: str | None) -> None:
    from workbench.desk.stream_process import stop_streams
    from workbench.settings import load_settings
    from workbench.store import Ledger

    watched = load_settings(home).stream.watch
    services = [service] if service is not None else list(watched)
    with Ledger.open(home / "ledger.sqlite") as ledger:
        stopped = stop_streams(home, ledger, services)
    if stopped:
        click.echo(f"Ended, with everything in the lake: {', '.join(stopped)}.")
    else:
        click.echo("No stream was running.")
