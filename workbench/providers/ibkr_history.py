"""Past bars of the Client Portal gateway, page by page backwards from the end of a period."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from workbench.errors import ServiceAnswerError, ServiceRefusedError
from workbench.providers.ibkr_answers import positive_whole
from workbench.providers.periods import Period
from workbench.vendors.ibkr import VENDOR

# The service's names of our intervals.
BARS_OF: Mapping[str, str] = {
    "1m": "1min", "2m": "2min", "3m": "3min", "5m": "5min", "10m": "10min", "15m": "15min", "30m": "30min",
    "1h": "1h", "2h": "2h", "3h": "3h", "4h": "4h", "8h": "8h", "1d": "1d",
}  # fmt: skip
LENGTHS: Mapping[str, pd.Timedelta] = {
    name: pd.Timedelta(name.replace("m", "min").replace("d", "D")) for name in BARS_OF
}
LARGEST_PAGE = 1_000
_LARGEST_PAGES = 2_000
_SESSION = pd.Timedelta(hours=6.5)
_DAY = pd.Timedelta(days=1)
# A page of days without a bar may be a long halt; that many in a row are the begin of the history.
_EMPTY_PAGES = 3
_FIRST = pd.Timestamp("1970-01-01", tz="UTC")

Params = Sequence[tuple[str, Any]]


class Page(NamedTuple):
    """One answer, and the instants between which its bars may lie."""

    answer: dict[str, Any]
    first: pd.Timestamp
    last: pd.Timestamp


def history_pages(
    ask: Callable[[Params], Any], conid: int, interval: str, period: Period, now: pd.Timestamp
) -> Iterator[Page]:
    """Yield pages of about a thousand bars, the newest first.

    Parameters
    ----------
    ask : callable
        Makes one call with its parameters.
    conid : int
        Whose bars.
    interval : str
        A key of `BARS_OF`.
    period : Period
        Without a start, all days that the service has, or within a day the newest page.
    now : Timestamp
        With a time zone.

    Raises
    ------
    ServiceAnswerError
        If the service gives the same page again.
    ServiceError
        If a call fails.
    """
    days = _days_of_a_page(interval)
    until = now if period.end is None else min(period.end, now)
    open_end = period.end is None or period.end >= now
    start = _FIRST if period.start is None else period.start
    empty = 0
    oldest: pd.Timestamp | None = None
    for _ in range(_LARGEST_PAGES):
        if until < start:
            return
        length = max(1, min(days, math.ceil((until - start) / _DAY) + 1))
        params: list[tuple[str, Any]] = [
            ("conid", conid),
            ("period", _period_text(length)),
            ("bar", BARS_OF[interval]),
        ]
        params.append(("outsideRth", "false"))
        if not open_end:
            params.append(("startTime", f"{until:%Y%m%d-%H:%M:%S}"))
        answer = _page_of(ask, params)
        # The length may be meant in sessions, which reach further back than days.
        earliest = until - pd.Timedelta(days=2 * length + 10)
        times = [each for each in _times_of(answer) if earliest <= each <= until + _DAY]
        yield Page(answer, earliest, until + _DAY)
        reached = min(times) if times else None
        if reached is None or (oldest is not None and reached >= oldest):
            if reached is not None and len(times) > 1:
                raise ServiceAnswerError(
                    f"{VENDOR.label} gave the bars since {reached:%Y-%m-%d %H:%M} UTC again instead of those "
                    "before; the rest was not asked for.",
                    service=VENDOR.label,
                )
            empty += 1
            until -= pd.Timedelta(days=length)
        else:
            empty, oldest = 0, reached
            until = reached - pd.Timedelta(seconds=1)
        open_end = False
        if empty >= _EMPTY_PAGES or (period.start is None and (empty or interval != "1d")):
            return
        if oldest is not None and oldest <= start + (_DAY if interval == "1d" else pd.Timedelta(0)):
            return
    raise ServiceAnswerError(
        f"{VENDOR.label} has no end of pages; ask for a shorter period.", service=VENDOR.label
    )


def _days_of_a_page(interval: str) -> int:
    if interval == "1d":
        return LARGEST_PAGE
    a_session = math.ceil(_SESSION / LENGTHS[interval])
    return max(1, min(LARGEST_PAGE, LARGEST_PAGE // a_session))


def _period_text(days: int) -> str:
    return f"{days}d"


def _page_of(ask: Callable[[Params], Any], params: Params) -> dict[str, Any]:
    """Return one answer; that the service has nothing there is an empty one."""
    try:
        answer = ask(params)
    except ServiceRefusedError as error:
        if error.status_code == 404:
            return {"data": []}
        raise
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ServiceAnswerError(
            f"{VENDOR.label} answered a question for bars without a list of them; its API may have changed.",
            service=VENDOR.label,
        )
    return answer


def _times_of(answer: Mapping[str, Any]) -> list[pd.Timestamp]:
    found = []
    for bar in answer["data"]:
        stamp = positive_whole(bar.get("t")) if isinstance(bar, Mapping) else None
        if stamp is not None and stamp < 10**13:
            found.append(pd.Timestamp(stamp, unit="ms", tz="UTC"))
    return found
