"""Live quotes on a terminal: one calm picture that stays in place, or plain lines where there is none."""

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workbench.cli.show import console

if TYPE_CHECKING:
    import pandas as pd

Frame = Callable[[], "pd.DataFrame"]

REFRESH_SECONDS = 0.25
LINE_SECONDS = 5.0
SHOWN_QUOTES = 30
STATE_STYLE = {"live": "", "old": "dim", "stale": "yellow", "closed": "dim"}
FEED_STYLE = {"live": "green", "connecting": "yellow", "stopped": "dim", "replay_ended": "dim"}


class LiveDisplay:
    """Shows quotes and feeds while its ``with`` block runs.

    Parameters
    ----------
    quotes, feeds : callable
        Return those of now, in the columns of `Desk.quotes` and `Desk.feeds`.
    title : str
        Above the picture.
    """

    def __init__(self, quotes: Frame, feeds: Frame, title: str) -> None:
        self._quotes, self._feeds = quotes, feeds
        self._title = title
        self._out = console()
        self._stop = threading.Event()
        self._said: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        if not self._out.is_terminal:
            self._lines()
            return
        with Live(console=self._out, refresh_per_second=1 / REFRESH_SECONDS, transient=False) as live:
            while not self._stop.wait(REFRESH_SECONDS):
                live.update(picture(self._quotes(), self._feeds(), title=self._title))

    def _lines(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(REFRESH_SECONDS):
            for feed in self._feeds().to_dict("records"):
                line = f"{feed['feed']} {feed['state'].replace('_', ' ')}" + (
                    f": {feed['detail']}" if feed["detail"] else ""
                )
                if self._said.get(feed["feed"]) != line:
                    self._said[feed["feed"]] = line
                    self._print(line)
                elif time.monotonic() >= due and feed["state"] == "live":
                    self._print(f"{feed['feed']} {feed_figures(feed)}")
            if time.monotonic() >= due:
                due = time.monotonic() + LINE_SECONDS

    def _print(self, line: str) -> None:
        self._out.print(Text(f"{time.strftime('%H:%M:%S')} {_printable(line)}"), soft_wrap=True)
        self._out.file.flush()


def picture(quotes: "pd.DataFrame", feeds: "pd.DataFrame", *, title: str) -> Group:
    """Return feeds above quotes, as rich draws them."""
    top = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for name in ("Feed", "State", "Events/s", "Queue", "To the lake", "Gaps", "Quarantined", "Delay, ms", ""):
        top.add_column(name, justify="left" if name in ("Feed", "State", "") else "right")
    for feed in feeds.to_dict("records"):
        top.add_row(
            _text(feed["feed"]),
            _text(feed["state"].replace("_", " "), FEED_STYLE.get(feed["state"], "yellow")),
            f"{feed['rate']:,.0f}",
            f"{feed['queue']:,}",
            f"{feed['lake_queue'] + feed['spilled']:,}",
            f"{feed['gaps']:,}",
            f"{feed['quarantined']:,}",
            "–" if feed["lag"] != feed["lag"] else f"{feed['lag'] * 1000:,.0f}",
            _text(feed["detail"]),
        )
    below = Table(box=SIMPLE_HEAD, caption=getattr(quotes, "note", "") or None, caption_justify="left")
    for name in ("Symbol", "Bid", "Ask", "Last", "Age, s", "State", ""):
        below.add_column(
            name, justify="left" if name in ("Symbol", "State", "") else "right", no_wrap=name != ""
        )
    for quote in quotes.head(SHOWN_QUOTES).to_dict("records"):
        style = STATE_STYLE.get(quote["state"], "")
        below.add_row(
            _text(quote["symbol"]),
            *(_number(quote[name]) for name in ("bid", "ask", "last")),
            _number(quote["age_seconds"], ",.1f"),
            _text(quote["state"], style),
            _text(quote["reason"]),
            style="dim" if quote["state"] in ("old", "closed") else None,
        )
    more = len(quotes) - SHOWN_QUOTES
    return Group(top, below, Text(f"and {more:,} more" if more > 0 else ""))


def feed_figures(feed: Mapping[Any, Any]) -> str:
    """Return the figures of a feed as one line."""
    parts = [
        f"{feed['rate']:,.0f} events/s",
        f"queue {feed['queue']:,}",
        f"to the lake {feed['lake_queue'] + feed['spilled']:,}",
        f"gaps {feed['gaps']:,}",
        f"quarantined {feed['quarantined']:,}",
    ]
    return " · ".join(parts)


def _number(value: float, spec: str = ",.2f") -> str:
    from workbench.desk.frames import format_number

    return format_number(value, spec)


def _text(value: Any, style: str = "") -> Text:
    return Text(_printable(str(value)), style=style)


def _printable(text: str) -> str:
    # What a service says could steer the terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in text)
