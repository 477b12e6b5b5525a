"""News, its tone, and dates of reports: fetched, and read as they were known."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from workbench.desk.bars import symbols_asked
from workbench.desk.clock import InstantLike, parse_day, parse_instant
from workbench.desk.data_questions import DataQuestions
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.ingest_summary import IngestSummary
from workbench.desk.news_changes import fetch_changes
from workbench.desk.news_tone import FinbertScorer, scorer_of, tone_of
from workbench.errors import ArgumentError
from workbench.market.calendars import exchange_zone
from workbench.market.earnings import earnings_reports
from workbench.market.news import split_symbols, unique_stories
from workbench.providers import Provider
from workbench.signals.sentiment import SentimentScorer, aggregate_sentiment

# What stands where a source took a story back; the words it had stay in the history.
REMOVED = "(taken back by its source)"
_SHOWN = [
    "time", "headline", "symbols", "sources", "author", "url", "summary", "sentiment", "scorer", "kind",
    "updated_at", "seen_at", "first_seen", "copies", "source", "source_id",
]  # fmt: skip
# More stories than this are cheaper to find by their source than each by its identity.
_NAMED_ONE_BY_ONE = 1_000
_A_WEEK = pd.Timedelta(days=7)
_AHEAD = pd.Timedelta(days=120)


class NewsQuestions(DataQuestions):
    """Fetches and reads news, tones and earnings dates."""

    def fetch_news(
        self,
        provider: str | Provider,
        symbols: str | Sequence[str] = (),
        *,
        start: InstantLike = None,
        end: InstantLike = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> IngestSummary:
        """Fetch news or posts, and what the source has edited or taken back since it was last asked.

        Parameters
        ----------
        provider : str or Provider
            As in ``"benzinga"``, ``"newsapi"``, ``"rss"``, ``"reddit"``, ``"stocktwits"``, ``"alpaca"``.
        symbols : str or sequence of str
            Tickers; none means all that the source has.
        start, end : date or instant, optional
            Both included; the week up to now unless given.

        Returns
        -------
        IngestSummary
            As `ingest` returns; a service that cannot be asked is a state in its `complaints`.
        """
        source = self.provider(provider) if isinstance(provider, str) else provider
        asked: dict[str, Any] = {"start": start, "end": end, "on_progress": on_progress}
        names = symbols_asked(symbols) if symbols else []
        # Taken before the fetch: what that brings is not to hide what changed in older stories.
        newest = self._newest_change(source.label) if hasattr(source, "changed_news") else None
        summary = self.ingest(source, names, kinds=("news",), **asked)
        if summary.complaints.empty and newest is not None:
            return fetch_changes(
                self._lake, source, names or None, newest, summary=summary, removed=REMOVED, now=self.now()
            )
        return summary

    def news(
        self,
        symbols: str | Sequence[str] | None = None,
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        as_of: InstantLike = None,
        known_at: InstantLike = None,
        unique: bool = True,
        removed: bool = False,
    ) -> DeskFrame:
        """Return news as they were known, newest first.

        As of an earlier instant, a story that the desk had not seen by then is not there, even if it carries
        an earlier date, and one that was edited since has the words of then.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            Only stories about one of these tickers.
        start, end : date or instant, optional
            When they were published, both included; dates are the exchange's. The last week unless given.
        as_of : date or instant, optional
            The instant of the question; a date is its session's close.
        known_at : instant, optional
            What the desk knew then. Unless given it is `as_of`. Give a later one for stories that were
            fetched after the time they are about, and mind that a backtest on them sees what nobody had
            seen in that form.
        unique : bool
            One row for a story that several services carry.
        removed : bool
            Also show stories that their source took back.

        Returns
        -------
        DeskFrame
            time (published), headline, symbols, sources, author, url, summary, sentiment and scorer (of the
            source, where it gives one), kind ("news", "post"), updated_at, seen_at (when the desk learned
            these words), first_seen (when it learned of the story), copies.
        """
        rows, note = self._stories(symbols, start, end, as_of, known_at, removed=removed)
        rows = unique_stories(rows) if unique else rows.assign(sources=rows["source"], copies=1)
        rows = rows.sort_values(["time", "source", "source_id"], ascending=[False, True, True])
        return desk_frame(rows[_SHOWN].reset_index(drop=True), title="News", note=note)

    def sentiment(
        self,
        symbols: str | Sequence[str] | None = None,
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        as_of: InstantLike = None,
        known_at: InstantLike = None,
        scorer: str | SentimentScorer | None = None,
        smallest: int = 5,
        k: int = 10,
    ) -> DeskFrame:
        """Return the balance of news and posts by ticker: (bullish - bearish) / max(their number, k).

        Parameters
        ----------
        symbols, start, end, as_of, known_at : optional
            As in `news`.
        scorer : {"lexicon", "finbert", "source"} or SentimentScorer, optional
            Who tells the tone; the setting ``news.scorer`` unless given. "source" takes what the source or
            the author said, and no text without it counts. FinBERT without its model is replaced by the
            lexicon, and the note says so.
        smallest : int
            With fewer texts that speak either way there is no balance, and a reason: never a zero.
        k : int
            Few texts are not let to reach 1: their number counts as at least this.

        Returns
        -------
        DeskFrame, indexed by symbol
            balance, texts, bullish, bearish, neutral, authors, mean_score, reason, scorer.
        """
        rows, note = self._stories(symbols, start, end, as_of, known_at, removed=False)
        stories = unique_stories(rows)
        settings = self.settings.news
        chosen = settings.scorer if scorer is None else scorer
        scored, said = tone_of(stories, chosen, finbert=settings.finbert_path)
        each = scored.assign(symbol=scored["symbols"].map(split_symbols)).explode("symbol")
        each = each[each["symbol"].notna()]
        wanted = symbols_asked(symbols) if symbols is not None else None
        if wanted is not None:
            each = each[each["symbol"].isin(wanted)]
        found = aggregate_sentiment(each, smallest=smallest, k=k)
        if wanted is not None:
            nothing = [name for name in wanted if name not in found.index]
            found = pd.concat([found, _no_texts(found, nothing)]) if nothing else found
            found = found.loc[wanted]
        found["scorer"] = ", ".join(sorted(set(scored["scorer"].dropna()))) or _name_of(chosen)
        found.index.name = "symbol"
        return desk_frame(found, title="Tone of the news", note=f"{note}; {said}" if said else note)

    def scorer(self, name: str | None = None) -> SentimentScorer:
        """Return who tells the tone of texts on this desk, to score some of your own.

        Parameters
        ----------
        name : {"lexicon", "finbert"}, optional
            The setting ``news.scorer`` unless given.

        Raises
        ------
        NotConnectedError
            If FinBERT's model or its packages are not here; says what to do.
        """
        chosen = self.settings.news.scorer if name is None else name
        return FinbertScorer.of(self.settings.news.finbert_path) if chosen == "finbert" else scorer_of(chosen)

    def earnings(
        self,
        symbols: str | Sequence[str] | None = None,
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        as_of: InstantLike = None,
        known_at: InstantLike = None,
        revisions: bool = False,
    ) -> DeskFrame:
        """Return when companies report, by what all sources say.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            All that the desk has dates of, if not given.
        start, end : date, optional
            Dates of the exchange, both included; from `as_of` for four months unless given.
        as_of : date or instant, optional
            The instant of the question.
        known_at : instant, optional
            What the desk knew then; unless given it is `as_of`.
        revisions : bool
            In place of reports, every version that every source gave: a moved date has two.

        Returns
        -------
        DeskFrame
            symbol, date, session (before_open, during, after_close, unknown), jump_after and jump_before
            (the last price without the news and the first with it; where sources disagree, of the widest
            window), agree, confirmed, sources, said, fiscal_period, estimates and results. With `revisions`:
            symbol, source, fiscal_period, date, session, confirmed, estimates and results, recorded_at,
            replaced_at (missing for what is believed now).
        """
        moment, knowledge, note = self._knowledge(as_of, known_at)
        names = symbols_asked(symbols) if symbols is not None else None
        calendar = self.settings.market.calendar
        today = moment.tz_convert(exchange_zone(calendar)).tz_localize(None).normalize()
        first = parse_day(start, calendar).tz_localize(None) if start is not None else today
        last = parse_day(end, calendar).tz_localize(None) if end is not None else first + _AHEAD
        if first > last:
            raise ArgumentError(f"`start` {first.date()} is after `end` {last.date()}; swap them.")
        if revisions:
            rows = self._lake.revisions("earnings", symbols=names, known_at=knowledge)
            rows = rows[rows["date"].between(first, last)].sort_values(
                ["symbol", "source", "recorded_at"], ignore_index=True
            )
            return desk_frame(rows, title="Earnings dates, every version", note=note)
        rows = self._lake.read("earnings", symbols=names, known_at=knowledge)
        reports = earnings_reports(rows, calendar=calendar)
        shown = reports[reports["date"].between(first, last)]
        return desk_frame(
            shown.sort_values(["date", "symbol"], ignore_index=True), title="Earnings dates", note=note
        )

    # -- reading -----------------------------------------------------------------------------------------

    def _stories(
        self,
        symbols: str | Sequence[str] | None,
        start: InstantLike,
        end: InstantLike,
        as_of: InstantLike,
        known_at: InstantLike,
        *,
        removed: bool,
    ) -> tuple[pd.DataFrame, str]:
        """Return the rows of `news`, one a source and identity, and what must be said beside them."""
        moment, knowledge, note = self._knowledge(as_of, known_at)
        calendar = self.settings.market.calendar
        last = moment if end is None else min(moment, _bound(end, calendar, last=True))
        first = last - _A_WEEK if start is None else _bound(start, calendar, last=False)
        if first > last:
            raise ArgumentError(
                f"`start` {first:%Y-%m-%d %H:%M} UTC is after `end` {last:%Y-%m-%d %H:%M} UTC."
            )
        names = symbols_asked(symbols) if symbols is not None else None
        rows = self._lake.read("news", symbols=names, start=first, end=last, known_at=knowledge)
        rows = rows.rename(columns={"recorded_at": "seen_at"})
        rows["first_seen"] = self._first_seen(rows, knowledge)
        if not removed:
            rows = rows[rows["headline"] != REMOVED].reset_index(drop=True)
        return rows, note

    def _first_seen(self, rows: pd.DataFrame, knowledge: pd.Timestamp | None) -> "pd.Series[Any]":
        """Return when the desk learned of each story, whatever its words were then."""
        if rows.empty:
            return rows["seen_at"]
        where = {"source": sorted(set(rows["source"]))}
        if len(rows) <= _NAMED_ONE_BY_ONE:
            where["source_id"] = rows["source_id"].unique().tolist()
        versions = self._lake.revisions("news", where=where, known_at=knowledge)
        first = versions.groupby(["source", "source_id"])["recorded_at"].min()
        keys = pd.MultiIndex.from_frame(rows[["source", "source_id"]])
        return pd.Series(first.reindex(keys).array, index=rows.index)

    def _knowledge(
        self, as_of: InstantLike, known_at: InstantLike
    ) -> tuple[pd.Timestamp, pd.Timestamp | None, str]:
        """Return the instant of a question, the instant of knowledge (None: all), and both in words."""
        moment = self.as_of(as_of)
        knowledge = moment.instant if as_of is not None else None
        if known_at is not None:
            knowledge = parse_instant(known_at, self.settings.market.calendar)
        said = f", as known at {knowledge:%Y-%m-%d %H:%M} UTC" if knowledge is not None else ""
        return moment.instant, knowledge, moment.note + said

    def _newest_change(self, label: str) -> pd.Timestamp | None:
        """Return the newest change that the desk has of a source's stories."""
        found = self._lake.read("news", columns=["updated_at"], where={"source": label})
        newest: Any = found["updated_at"].max()
        return None if pd.isna(newest) else newest


def _bound(value: str | date | datetime | pd.Timestamp, calendar: str, *, last: bool) -> pd.Timestamp:
    """Return the instant that a bound means: a date is the whole day on the exchange's clock."""
    stamp = pd.Timestamp(value) if not isinstance(value, str) else None
    is_date = (isinstance(value, str) and ":" not in value) or (
        stamp is not None and stamp.tz is None and stamp == stamp.normalize()
    )
    if not is_date:
        return parse_instant(value, calendar)
    day = parse_day(value, calendar).tz_localize(None).tz_localize(exchange_zone(calendar))
    return (day + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1) if last else day).tz_convert("UTC")


def _no_texts(like: pd.DataFrame, symbols: Sequence[str]) -> pd.DataFrame:
    """Return rows of tickers that nobody wrote about: counts of zero, and no balance."""
    counts = ["texts", "bullish", "bearish", "neutral", "authors"]
    frame = pd.DataFrame(0, index=pd.Index(list(symbols)), columns=counts, dtype="int64")
    frame["balance"] = frame["mean_score"] = float("nan")
    frame["reason"] = "no news and no posts of the period are on the desk"
    return frame[list(like.columns)]


def _name_of(scorer: str | SentimentScorer) -> str:
    return scorer if isinstance(scorer, str) else scorer.scorer
