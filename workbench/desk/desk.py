"""The desk: one folder, one object, the same numbers on every face."""

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from workbench.channels import Channel
from workbench.desk.bars import BarQuestions
from workbench.desk.book_questions import BookQuestions
from workbench.desk.clock import InstantLike
from workbench.desk.daily import DailyQuestions
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.health import DeskStatus, desk_status
from workbench.desk.held import with_services
from workbench.desk.live import LiveQuestions
from workbench.desk.news import NewsQuestions
from workbench.desk.option_questions import OptionQuestions
from workbench.desk.outbox import deliver_due, open_channels
from workbench.desk.quality_questions import QualityQuestions

if TYPE_CHECKING:
    from workbench.desk.monitor import RuleCheck


class Desk(
    DailyQuestions,
    NewsQuestions,
    BarQuestions,
    BookQuestions,
    OptionQuestions,
    QualityQuestions,
    LiveQuestions,
):
    """One desk, opened by `Desk.open`; safe to hold in many processes at once.

    Examples
    --------
    >>> desk = Desk.open()  # doctest: +SKIP
    >>> desk.headline()  # doctest: +SKIP
    """

    # -- research --------------------------------------------------------------------------------------

    def backtest(
        self,
        symbol: str,
        *,
        kind: Literal["sma", "ema"] = "sma",
        fast: int = 20,
        slow: int = 100,
        **options: Any,
    ) -> dict[str, Any]:
        """Run a moving-average crossover on the desk's bars with costs, keep it, and return its document.

        Parameters
        ----------
        symbol : str
            One symbol of the desk; total-return bars are used.
        kind : {"sma", "ema"}
            Simple or exponential averages.
        fast, slow : int
            Windows in sessions.
        **options
            ``fee``, ``slippage``, ``cash``, ``size``, as in `workbench.backtest.run_signals`.
        """
        self._require_trader("keep a backtest")
        from workbench.desk.research import crossover_document

        moment = self.as_of()
        document = crossover_document(
            self.bars(symbol), symbol=symbol, kind=kind, fast=fast, slow=slow, as_of=moment, **options
        )
        document["snapshot"] = self.snapshot()
        key = f"{kind}_{fast}_{slow}_{symbol}_{moment.session}"
        document["id"] = self._ledger.backtests.save(document, key=key, recorded_at=self.now())
        self._wrote("backtest", {"key": key, "id": document["id"]})
        return document

    def latest_backtest(self, strategy: str | None = None) -> dict[str, Any] | None:
        """Return the newest stored result document, or None."""
        return self._ledger.backtests.latest(strategy)

    def cache_stats(self) -> DeskFrame:
        """Return what is kept to answer sooner, in memory and of services: hits, misses, for how long."""
        return with_services(super().cache_stats(), self.asked())

    # -- alerts, pipelines, state ----------------------------------------------------------------------

    def save_rule(self, document: dict[str, Any]) -> str:
        """Keep an alert rule; the same document again changes nothing. Returns its id."""
        self._require_trader("change rules")
        from workbench.alerts import AlertRule

        rule = AlertRule.from_document(document)
        rule_id = self._ledger.rules.save(rule.to_document())
        self._wrote("save_rule", {"name": rule.name, "id": rule_id})
        return rule_id

    def check_rules(self, as_of: InstantLike = None) -> "RuleCheck":
        """Evaluate every enabled rule, deliver what fires, and say what was raised and what is unknown."""
        self._require_trader("raise alerts")
        from workbench.desk.monitor import check_rules

        moment = self.as_of(as_of)
        outcome = check_rules(
            self._lake,
            self._ledger,
            self.headline(as_of),
            moment,
            calendar=self.settings.market.calendar,
            channels=self.settings.alerts.channels,
            raised_at=self.now(),
        )
        deliver_due(self._ledger, self._channels, self.now(), holder=f"desk-{os.getpid()}")
        self._log.info("rules_checked", raised=outcome.raised, unknown=outcome.unknown, as_of=moment.note)
        return outcome

    def run(
        self,
        pipeline: str,
        *,
        scheduled_for: InstantLike = None,
        on_progress: Callable[..., None] | None = None,
        **parameters: Any,
    ) -> Any:
        """Run a pipeline of the project and return its run, with ``.status``, ``.outputs``, ``.error``.

        Parameters
        ----------
        pipeline : str
            Name of a notebook in ``pipelines/``.
        scheduled_for : instant, optional
            The time that a schedule gave it; one run for each.
        on_progress : callable, optional
            Called as ``on_progress(cells_done, cells)``.
        **parameters
            Values of the notebook's parameter cell.

        Raises
        ------
        UnknownPipelineError
            If no pipeline has that name; names the nearest.
        """
        self._require_trader("run pipelines")
        from workbench.desk.jobs import run_pipeline

        return run_pipeline(
            self._ledger,
            self.home,
            self.settings,
            pipeline,
            parameters,
            scheduled_for=pd.Timestamp(scheduled_for) if scheduled_for is not None else None,
            channels=self._channels,
            on_progress=on_progress,
        )

    def alerts(self, *, open_only: bool = False) -> DeskFrame:
        """Return the alerts, newest first: severity, title, body, as of, raised and acknowledged."""
        return desk_frame(self._ledger.alerts.frame(open_only=open_only), title="Alerts")

    def acknowledge(self, alert_id: str, *, by: str = "desk") -> None:
        """Mark an alert as seen."""
        self._require_trader("acknowledge alerts")
        self._ledger.alerts.acknowledge(alert_id, by, self.now())
        self._wrote("acknowledge", {"alert": alert_id})

    def runs(self, limit: int = 50) -> DeskFrame:
        """Return the latest pipeline runs, newest first, with outcome and outputs."""
        return desk_frame(self._ledger.runs.frame(limit=limit), title="Pipeline runs")

    def status(self) -> DeskStatus:
        """Return the state of the desk: stores, freshness of each table, last runs, alerts, worker."""
        return desk_status(
            self.home,
            settings=self.settings,
            lake=self._lake,
            ledger=self._ledger,
            as_of=self.as_of(),
            now=self.now(),
        )

    def compact(self, *, keep_days: int = 7) -> tuple[int, int]:
        """Merge small files and drop snapshots older than `keep_days`; return files before and after."""
        self._require_trader("compact the lake")
        files = self._lake.compact()
        self._lake.expire(self.now() - pd.Timedelta(days=keep_days))
        return int(files["files_before"].sum()), int(files["files_after"].sum())

    @cached_property
    def _channels(self) -> dict[str, Channel]:
        return open_channels(self._ledger, self.home)
