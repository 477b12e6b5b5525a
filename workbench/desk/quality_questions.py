"""What is odd about the data that the desk holds, and what was refused at its border."""

from collections.abc import Callable, Sequence

import pandas as pd

from workbench.desk.clock import InstantLike, parse_instant
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.opened import OpenedDesk
from workbench.errors import ArgumentError
from workbench.market import (
    find_all,
    find_chain_faults,
    find_quote_faults,
    find_trade_faults,
    is_option_symbol,
    last_session,
    sessions,
)

KINDS = ("bars", "quotes", "trades", "option_chain")
LOOK_BACK = pd.Timedelta(days=30)
COLUMNS = ["data", "symbol", "time", "finding", "count", "detail"]
_TABLES = {"bars": "daily_bars", "quotes": "quotes", "trades": "trades", "option_chain": "option_quotes"}
_TICK_FINDERS: dict[str, Callable[[pd.DataFrame, str], pd.DataFrame]] = {
    "quotes": find_quote_faults,
    "trades": find_trade_faults,
    "option_chain": find_chain_faults,
}
# What stands in a reason beside its words: values, and names in quotes.
_VALUES = r"'[^']*'|-?\d[\d,.:+\-eTZ]*"


class QualityQuestions(OpenedDesk):
    """Looks over the series of a desk."""

    def quality(
        self,
        symbols: str | Sequence[str] | None = None,
        *,
        start: InstantLike = None,
        end: InstantLike = None,
        kinds: Sequence[str] = KINDS,
    ) -> DeskFrame:
        """Return what is odd about the data of a period: findings with their reasons; nothing is changed.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            Tickers (underlyings, for chains); all, unless given.
        start, end : date or instant, optional
            The last thirty days before the desk's clock, unless given.
        kinds : sequence of {"bars", "quotes", "trades", "option_chain"}
            What is looked over.

        Returns
        -------
        DeskFrame
            data, symbol, time (of the first), finding, count, detail: sessions without a bar, bars that stand
            still or jump, symbols that are behind, quotes that are crossed, one-sided, wide, outlying,
            repeated or outside the session, and their like for trades and chains.

        Raises
        ------
        ArgumentError
            If a kind is none of these.
        """
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ArgumentError(f"`kinds` has {unknown[0]!r}; give some of {', '.join(KINDS)}.")
        moment = self.as_of(end)
        calendar = self.settings.market.calendar
        first = moment.instant - LOOK_BACK if start is None else parse_instant(start, calendar)
        names = [symbols] if isinstance(symbols, str) else symbols
        found = []
        for kind in kinds:
            rows = self._rows(kind, names, first, moment.instant)
            if rows.empty:
                continue
            findings = (
                self._of_bars(rows, calendar, moment.instant)
                if kind == "bars"
                else _TICK_FINDERS[kind](rows, calendar)
            )
            found.append(findings.rename(columns={"kind": "finding"}).assign(data=kind))
        filled = [frame for frame in found if len(frame)]
        whole = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)
        since = first.tz_convert(moment.zone)
        return desk_frame(
            whole[COLUMNS],
            title="Findings about the data",
            note=f"{since:%Y-%m-%d} to {moment.session}, {moment.note}",
            formats={"count": ",.0f"},
        )

    def quarantine_reasons(self) -> DeskFrame:
        """Return how many rows were refused, by table, source and reason without its values."""
        rows = self._lake.read("quarantine")
        words = rows["reason"].astype(str).str.replace(_VALUES, "…", regex=True)
        counts = (
            rows.assign(reason=words)
            .groupby(["table", "source", "reason"], as_index=False)
            .agg(rows=("line", "size"), newest=("recorded_at", "max"))
            .sort_values("rows", ascending=False, ignore_index=True)
        )
        return desk_frame(counts, title="Refused rows by reason", formats={"rows": ",.0f"})

    def feed_gaps(self) -> DeskFrame:
        """Return the pauses of live feeds: from when to when, why, and whether they were filled later."""
        rows = self._lake.read("feed_gaps").sort_values("start", ascending=False, ignore_index=True)
        return desk_frame(rows, title="Pauses of live feeds")

    def _rows(
        self, kind: str, names: Sequence[str] | None, first: pd.Timestamp, last: pd.Timestamp
    ) -> pd.DataFrame:
        if kind == "bars":
            # A daily bar is stamped with its session's midnight.
            first = first.normalize()
        if kind == "option_chain":
            where = {"underlying": list(names)} if names is not None else None
            return self._lake.read(_TABLES[kind], start=first, end=last, where=where)
        return self._lake.read(_TABLES[kind], symbols=names, start=first, end=last)

    def _of_bars(self, bars: pd.DataFrame, calendar: str, now: pd.Timestamp) -> pd.DataFrame:
        """Return the findings about daily bars, and which symbols are behind."""
        names = bars["symbol"].unique().tolist()
        actions = self._lake.read("corporate_actions", symbols=names)
        found = find_all(bars, calendar, actions=actions).assign(count=1)
        newest = pd.Timestamp(last_session(calendar, now))
        behind = []
        for symbol, last in bars.groupby("symbol")["time"].max().items():
            missed = sessions(calendar, last.tz_localize(None).normalize(), newest)[1:]
            if len(missed) and not is_option_symbol(str(symbol)):
                words = f"no bar since {last:%Y-%m-%d}, {len(missed)} sessions behind"
                behind.append((symbol, last, "behind", len(missed), words))
        if not behind:
            return found
        late = pd.DataFrame(behind, columns=["symbol", "time", "kind", "count", "detail"])
        return pd.concat([found, late], ignore_index=True)
