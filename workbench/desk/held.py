"""What the desk holds and what it lacks: sessions by the calendar, empty answers, gaps of feeds."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from workbench.desk.bars import symbols_asked
from workbench.desk.clock import InstantLike, parse_day
from workbench.desk.data_questions import DataQuestions
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.ingest import bars_table
from workbench.desk.ingest_kinds import DAILY, ages
from workbench.desk.ingest_summary import IngestSummary
from workbench.errors import UnknownProviderError
from workbench.market.calendars import exchange_zone, last_session, sessions
from workbench.market.coverage import days_span, session_runs, spans_of, whole_sessions

# How far back anything within the day is looked at when nobody says.
RECENT_SESSIONS = 30
_GAP_COLUMNS = ["symbol", "interval", "first", "last", "sessions", "reason", "source"]


class HeldQuestions(DataQuestions):
    """Tells what is held and what is missing."""

    def coverage(
        self,
        symbols: str | Sequence[str] | None = None,
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        interval: str = DAILY,
    ) -> DeskFrame:
        """Return for each symbol which sessions of bars are held and which are missing.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            All that the desk has bars of, if not given.
        start, end : date, optional
            First and last session; unless given, a symbol's own first bar (within the day: thirty sessions
            ago) and the last session that is over.
        interval : str
            Of the bars.

        Returns
        -------
        DeskFrame, indexed by symbol
            first, last (sessions held), held, missing (counts of sessions), answered_empty (of the missing:
            a service was asked and had none), source, recorded_at.
        """
        rows = []
        for symbol, wanted, held, empty, told in self._series(symbols, start, end, interval):
            missing = wanted[~wanted.isin(held)]
            rows.append(
                {
                    "symbol": symbol,
                    "first": held[0] if len(held) else pd.NaT,
                    "last": held[-1] if len(held) else pd.NaT,
                    "held": len(wanted) - len(missing),
                    "missing": len(missing),
                    "answered_empty": int(missing.isin(empty).sum()),
                    "source": told.get("source", ""),
                    "recorded_at": told.get("recorded_at", pd.NaT),
                }
            )
        columns = ["first", "last", "held", "missing", "answered_empty", "source", "recorded_at"]
        frame = pd.DataFrame(rows, columns=["symbol", *columns]).set_index("symbol")
        return desk_frame(frame, title=f"Sessions of {interval} bars", note=self.as_of().note)

    def gaps(
        self,
        symbols: str | Sequence[str] | None = None,
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        interval: str = DAILY,
    ) -> DeskFrame:
        """Return what is missing: runs of sessions without bars, and spans in which a live feed was silent.

        Parameters
        ----------
        symbols, start, end, interval
            As in `coverage`.

        Returns
        -------
        DeskFrame
            symbol, interval ("live" for a feed), first, last, sessions, reason, source. A feed's gap that
            was filled afterwards is left out.
        """
        calendar = self.settings.market.calendar
        found = []
        for symbol, wanted, held, empty, told in self._series(symbols, start, end, interval):
            missing = wanted[~wanted.isin(held)]
            for days, reason in (
                (missing[~missing.isin(empty)], "not asked for yet"),
                (missing[missing.isin(empty)], "the service was asked and had none"),
            ):
                runs = session_runs(calendar, days)
                found.append(
                    runs.assign(
                        symbol=symbol, interval=interval, reason=reason, source=told.get("source", "")
                    )
                )
        found.append(self._feed_gaps(symbols))
        frame = pd.concat(found, ignore_index=True)[_GAP_COLUMNS] if found else pd.DataFrame([])
        frame = frame.sort_values(["symbol", "interval", "first"], ignore_index=True)
        return desk_frame(frame, title="What is missing", note=self.as_of().note)

    def fetched(self) -> DeskFrame:
        """Return what was asked of services and answered in full: provider, kind, symbol, period, rows."""
        frame = self._ledger.coverage.frame()
        frame = frame[frame["complete"].astype(bool)].drop(columns="complete").reset_index(drop=True)
        return desk_frame(frame, title="What services have answered")

    def asked(self) -> DeskFrame:
        """Return how often services were asked, and how often the desk knew the answer already.

        Returns
        -------
        DeskFrame, indexed by provider
            calls (made), held (series that needed none), rate (held, a part of all); of every ingest that
            the audit knows.
        """
        audit = self._ledger.audit.frame()
        details = [each for each in audit.loc[audit["action"].eq("ingest"), "details"] if "calls" in each]
        frame = pd.DataFrame(
            [{name: each[name] for name in ("provider", "calls", "held")} for each in details],
            columns=["provider", "calls", "held"],
        )
        total = frame.groupby("provider").sum().astype("int64")
        total = total[total.sum(axis=1) > 0]  # the sample and files ask nobody
        asked = total["calls"] + total["held"]
        total["rate"] = (total["held"] / asked.where(asked > 0)).astype("float64")
        fresh = ", ".join(f"{kind} {age:g} s" for kind, age in ages()["fresh_seconds"].items())
        note = f"an answer that may still change is fresh for: {fresh}"
        return desk_frame(total, title="Calls made and saved", note=note, formats={"rate": ".0%"})

    def fill_gaps(
        self,
        symbols: str | Sequence[str] | None = None,
        *,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> list[IngestSummary]:
        """Ask each service again for what it was asked before and the desk still lacks; return the summaries.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            All that were ever asked for, if not given.
        on_progress : callable, optional
            As in `Desk.ingest`.
        """
        known = self._ledger.coverage.frame()
        known = known[known["complete"].astype(bool) & known["kind"].eq("bars")]
        if symbols is not None:
            known = known[known["symbol"].isin(symbols_asked(symbols))]
        summaries = []
        for (provider, interval), series in known.groupby(["provider", "interval"]):
            zone = "UTC" if interval == DAILY else exchange_zone(self.settings.market.calendar)
            begin = series["first"].min().tz_convert(zone).date()
            names = sorted(series["symbol"].unique())
            try:
                source = self.provider(str(provider))
            except UnknownProviderError:
                continue  # an object that somebody handed in, and took away with them
            summaries.append(
                self.ingest(source, names, start=begin, interval=str(interval), on_progress=on_progress)
            )
        return summaries

    def forget_old(self) -> dict[str, int]:
        """Forget what the retention settings no longer keep; return the rows that went, by table.

        Tables without a setting are kept whole.
        """
        self._require_trader("forget data")
        now, gone = self.now(), {}
        for table, days in self.settings.retention:
            if days is not None:
                gone[str(table)] = self._lake.forget(str(table), before=now - pd.Timedelta(days=days))
        if gone:
            self._wrote("forget_old", dict(gone))
        return gone

    def _series(
        self, symbols: str | Sequence[str] | None, start: InstantLike, end: InstantLike, interval: str
    ) -> list[tuple[str, pd.DatetimeIndex, pd.DatetimeIndex, pd.DatetimeIndex, dict[str, Any]]]:
        """Return of each symbol the sessions wanted, held, and answered empty, and what is known of it."""
        calendar = self.settings.market.calendar
        table = bars_table(interval)
        known = self._lake.summary(table)
        names = list(known.index) if symbols is None else symbols_asked(symbols)
        if not names:
            return []
        over = pd.Timestamp(last_session(calendar, self.as_of().instant))
        last = min(_naive(parse_day(end, calendar)), over) if end is not None else over
        recent = sessions(calendar, last - pd.Timedelta(days=2 * RECENT_SESSIONS), last)[-RECENT_SESSIONS]
        first = _naive(parse_day(start, calendar)) if start is not None else None
        if interval != DAILY and first is None:
            first = recent
        held = self._held(table, names, first, last, interval)
        fetched = self._ledger.coverage.frame()
        fetched = fetched[fetched["complete"].astype(bool) & fetched["kind"].eq("bars")]
        fetched = fetched[fetched["interval"].eq(interval)]
        result = []
        for name in names:
            days = held.get(name, pd.DatetimeIndex([]))
            begin = first if first is not None else days[0] if len(days) else recent
            wanted = sessions(calendar, min(begin, last), last)
            mine = fetched[fetched["symbol"].eq(name)]
            spans = spans_of(zip(mine["first"], mine["last"], strict=True)) if len(mine) else []
            told = {str(key): value for key, value in known.loc[name].items()} if name in known.index else {}
            asked = whole_sessions(calendar, wanted, spans, daily=interval == DAILY)
            result.append((str(name), wanted, days, asked, told))
        return result

    def _held(
        self, table: str, names: Sequence[str], first: pd.Timestamp | None, last: pd.Timestamp, interval: str
    ) -> dict[str, pd.DatetimeIndex]:
        """Return the sessions of which each symbol has a bar."""
        calendar = self.settings.market.calendar
        zone = "UTC" if interval == DAILY else exchange_zone(calendar)
        bounds = days_span(first if first is not None else "1990-01-02", last, zone=zone)
        rows = self._lake.read(
            table,
            symbols=list(names),
            start=bounds.first,
            end=bounds.last,
            columns=["symbol", "time"],
            where=None if interval == DAILY else {"interval": interval},
        )
        days = rows["time"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
        unique = pd.DataFrame({"symbol": rows["symbol"], "day": days}).drop_duplicates()
        by_symbol = unique.sort_values("day").groupby("symbol")["day"]
        return {str(name): pd.DatetimeIndex(days) for name, days in by_symbol}

    def _feed_gaps(self, symbols: str | Sequence[str] | None) -> pd.DataFrame:
        rows = self._lake.read("feed_gaps", symbols=None if symbols is None else symbols_asked(symbols))
        rows = rows[rows["backfilled_at"].isna()]
        return pd.DataFrame(
            {
                "symbol": rows["symbol"],
                "interval": "live",
                "first": rows["start"].dt.tz_localize(None),
                "last": rows["end"].dt.tz_localize(None),
                "sessions": 0,
                "reason": rows["reason"],
                "source": rows["service"] + " " + rows["feed"],
            }
        )


def with_services(stats: pd.DataFrame, asked: pd.DataFrame) -> DeskFrame:
    """Return what is kept in memory, with what need not be asked of services again, and for how long."""
    calls, held = int(asked["calls"].sum()), int(asked["held"].sum())
    rows = {
        "answers of services": {
            "hits": held,
            "misses": calls,
            "rate": held / (calls + held) if calls + held else float("nan"),
            "kept_until": "settled periods are held for good; `refresh=True` asks again",
        }
    }
    for kind, age in ages()["fresh_seconds"].items():
        shown = str(kind).replace("_", " ")
        rows[f"{shown} that may change"] = {
            "ttl_seconds": age,
            "kept_until": f"{age:g} s after they were asked",
        }
    more = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=stats.columns)
    frame = pd.concat([pd.DataFrame(stats), more.astype(stats.dtypes.to_dict())]).rename_axis("cache")
    return desk_frame(frame, title="Answers that are kept", formats={"rate": ".0%"})


def _naive(day: pd.Timestamp) -> pd.Timestamp:
    return day.tz_localize(None)
