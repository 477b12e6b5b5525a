"""Ask providers for what is missing, call by call, each answer on disk before the next question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.desk.ingest import no_counts, quarantine_rows, write_checked
from workbench.desk.ingest_kinds import DAILY, Kind, finished
from workbench.desk.ingest_plan import Ask, Edge, Plan, Planner
from workbench.desk.ingest_summary import STOPPING, Complaint, IngestSummary, ingest_summary
from workbench.desk.told_ticks import without_told
from workbench.errors import IncompleteAnswerError, ServiceError, UnknownSymbolError, UnsupportedError
from workbench.market.coverage import Span
from workbench.market.instruments import is_option_symbol, underlying_of
from workbench.store import Lake, Ledger

OnProgress = Callable[[str, int, int], None]
# A plan that does not hold a kind refuses every call of it; two in a row tell.
_REFUSALS = 2


@dataclass
class _Outcome:
    """What has happened so far."""

    counts: list[pd.DataFrame] = field(default_factory=lambda: [no_counts()])
    complaints: list[Complaint] = field(default_factory=list)
    calls: int = 0
    held: int = 0
    left: int = 0
    unknown: list[UnknownSymbolError] = field(default_factory=list)
    answered: int = 0


class Ingest:
    """One ingest of some symbols from one provider, and from another where the first has nothing to give.

    Parameters
    ----------
    lake, ledger : Lake, Ledger
        Where rows and coverage go.
    provider : Provider
        Who is asked.
    calendar : str
        The exchange whose sessions count.
    now : callable
        The wall clock.
    in_place_of : str
        Label of the provider that this one stands in for; "" for the one that was asked for.
    """

    def __init__(
        self,
        lake: Lake,
        ledger: Ledger,
        provider: Any,
        *,
        calendar: str,
        now: Callable[[], pd.Timestamp],
        in_place_of: str = "",
        on_progress: OnProgress | None = None,
    ) -> None:
        self._lake, self._ledger = lake, ledger
        self._provider = provider
        self._calendar = calendar
        self._now = now
        self._on_progress = on_progress
        self.source = provider.label + (f" (in place of {in_place_of})" if in_place_of else "")
        self._set_aside = len(provider.quarantined())
        self._strange: set[str] = set()
        self.outcome = _Outcome()
        self.stopped: ServiceError | None = None

    def run(
        self,
        kinds: Sequence[Kind],
        symbols: Sequence[str],
        *,
        interval: str,
        start: Edge,
        end: Edge,
        clock: pd.Timestamp,
        refresh: bool = False,
    ) -> list[tuple[Kind, list[str]]]:
        """Fetch and write; return what another provider would have to be asked for.

        A service that is rate limited, needs a login or cannot be reached is asked nothing more: what came
        is kept, what is left is counted.
        """
        planner = Planner(self._ledger, self._provider.name, self._calendar, self._now())
        plans: list[tuple[Kind, Span | None, Plan]] = []
        for kind in kinds:
            wanted = planner.wanted(kind, interval, start, end, clock)
            plans.append((kind, wanted, planner.plan(kind, symbols, wanted, interval, refresh=refresh)))
        self.outcome.held += sum(plan.held for _, _, plan in plans)
        total, done = sum(len(plan.asks) for _, _, plan in plans), 0
        undone: dict[str, tuple[Kind, list[str]]] = {}
        for kind, wanted, plan in plans:
            refusals = 0
            for place, ask in enumerate(plan.asks):
                if self.stopped is None and refusals < _REFUSALS:
                    rows = self._ask(planner, kind, ask, wanted, interval)
                    done += 1
                    refusals = refusals + 1 if rows is None and self._refused_last() else 0
                    self._tell(f"{kind.name.replace('_', ' ')} {ask}, {rows or 0:,} rows", done, total)
                if self.stopped is not None:
                    remaining = plan.asks[place:]
                    self.outcome.left += len(remaining)
                    names = [name for each in remaining for name in each.symbols]
                    undone[kind.name] = (kind, list(dict.fromkeys(names)))
                    break
        return list(undone.values())

    def summary(self, *, title: str) -> IngestSummary:
        """Return what was done.

        Raises
        ------
        UnknownSymbolError
            If every symbol that was asked for is unknown to the service.
        """
        known = self.outcome
        if known.unknown and not known.answered and not known.held and self.stopped is None:
            raise known.unknown[0]
        return ingest_summary(
            pd.concat(known.counts),
            title=title,
            complaints=known.complaints,
            calls=known.calls,
            held=known.held,
            left=known.left,
        )

    def _ask(self, planner: Planner, kind: Kind, ask: Ask, wanted: Span | None, interval: str) -> int | None:
        """Make one call, write its rows and note what is covered now; None where no answer came."""
        strange = {name for name in ask.symbols if name in self._strange}
        if strange:
            ask = Ask(tuple(name for name in ask.symbols if name not in strange), ask.span)
            if not ask.symbols:
                return None
        self.outcome.calls += 1
        try:
            rows, complete = kind.fetch(self._provider, ask.symbols, ask.span, interval), True
        except UnknownSymbolError as error:
            return self._one_by_one(planner, kind, ask, wanted, interval, error)
        except UnsupportedError as error:
            self._complain(kind, ask, "unsupported", error)
            return None
        except IncompleteAnswerError as error:
            rows, complete = error.rows, False
            self._complain(kind, ask, "incomplete", error)
            self._stop_for(error)
        except ServiceError as error:
            self._complain(kind, ask, error.state, error)
            self._stop_for(error)
            self._keep_set_aside(kind)
            return None
        written = self._write(kind, rows, ask, interval)
        self._keep_set_aside(kind)
        if complete:
            planner.note(kind, ask, written, wanted, interval)
            self.outcome.answered += 1
        return len(rows)

    def _one_by_one(
        self,
        planner: Planner,
        kind: Kind,
        ask: Ask,
        wanted: Span | None,
        interval: str,
        error: UnknownSymbolError,
    ) -> int | None:
        """Ask for each symbol alone: one that the service does not know must not cost the others."""
        if len(ask.symbols) <= 1:
            self._complain(kind, ask, "unknown_symbol", error)
            self.outcome.unknown.append(error)
            self._strange.update(ask.symbols)
            return None
        found = 0
        for place, symbol in enumerate(ask.symbols):
            found += self._ask(planner, kind, Ask((symbol,), ask.span), wanted, interval) or 0
            if self.stopped is not None:
                self.outcome.left += place + 1 < len(ask.symbols)
                break
        return found

    def _write(self, kind: Kind, rows: pd.DataFrame, ask: Ask, interval: str) -> "pd.Series[Any]":
        """Check and write rows; return how many of each symbol are on disk now."""
        if kind.name == "bars":
            rows = finished(rows, interval, self._now(), self._calendar)
        if rows.empty:
            return pd.Series(dtype="int64")
        good, bad = kind.check(rows)
        if kind.name == "bars" and interval != DAILY:
            good = good.assign(interval=interval)
        fresh = without_told(self._lake, kind.name, good, self.source)
        counts = write_checked(self._lake, kind.table, fresh, bad, self.source)
        counts.index = pd.Index([self._shown(kind, ask, str(name)) for name in counts.index], name="symbol")
        self.outcome.counts.append(counts)
        column = "underlying" if kind.name == "option_chain" else "symbol"
        return good[column].value_counts() if column in good else pd.Series(dtype="int64")

    def _shown(self, kind: Kind, ask: Ask, name: str) -> str:
        """Return the name under which rows are counted: people count a chain by its underlying."""
        if kind.name == "news":
            return ask.symbols[0] if len(ask.symbols) == 1 else "(news)"
        return underlying_of(name) if kind.name == "option_chain" and is_option_symbol(name) else name

    def _keep_set_aside(self, kind: Kind) -> None:
        """Move what the provider could not read since the last call into the quarantine."""
        bad = self._provider.quarantined()
        fresh = bad.iloc[self._set_aside :]
        self._set_aside = len(bad)
        for file, rows in fresh.groupby("file"):
            quarantine_rows(self._lake, kind.table, rows, f"{self.source}: {file}")
        if len(fresh):
            names = fresh["symbol"].fillna("").astype(str).replace("", "(unreadable)")
            counts = names.value_counts().rename("quarantined").to_frame()
            self.outcome.counts.append(counts)

    def _complain(self, kind: Kind, ask: Ask, state: str, error: Exception) -> None:
        self.outcome.complaints.append(Complaint(self._provider.name, kind.name, str(ask), state, str(error)))

    def _refused_last(self) -> bool:
        return bool(self.outcome.complaints) and self.outcome.complaints[-1].state in (
            "refused",
            "unsupported",
        )

    def _stop_for(self, error: ServiceError) -> None:
        if error.state in STOPPING:
            self.stopped = error

    def _tell(self, text: str, done: int, total: int) -> None:
        if self._on_progress:
            self._on_progress(text, done, total)


def ingest_local(
    lake: Lake,
    provider: Any,
    symbols: Sequence[str],
    *,
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    interval: str,
    table: str,
    check: Callable[[pd.DataFrame], Any],
    on_progress: OnProgress | None = None,
) -> IngestSummary:
    """Read bars and corporate actions of a provider that asks nobody: the sample, the user's files.

    Each symbol is one durable write, so that an interrupted ingest keeps what it has and goes on from there.
    """
    counts = [no_counts()]
    for done, symbol in enumerate(symbols, start=1):
        good, bad = check(provider.bars([symbol], start, end, interval))
        if interval != DAILY:
            good = good.assign(interval=interval)
        counts.append(write_checked(lake, table, good, bad, provider.label))
        actions = provider.corporate_actions([symbol], start, end)
        if len(actions):
            lake.write("corporate_actions", actions, source=provider.label)
        if on_progress:
            on_progress(symbol, done, len(symbols))
    bad = provider.quarantined()
    bad = bad[bad["symbol"].isin(symbols) | bad["symbol"].eq("")]
    for file, rows in bad.groupby("file"):
        quarantine_rows(lake, table, rows, f"{provider.label}: {file}")
    names = bad["symbol"].replace("", "(unreadable)")
    counts.append(names.value_counts().rename("quarantined").to_frame())
    return ingest_summary(
        pd.concat(counts), title=f"Ingested from {provider.label}", complaints=[], calls=0, held=0, left=0
    )
