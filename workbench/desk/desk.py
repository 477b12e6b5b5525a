"""The desk: one folder, one object, the same numbers on every face."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd

from workbench.channels import Channel
from workbench.desk import book as books
from workbench.desk import ingest as ingests
from workbench.desk.chains import marks_at
from workbench.desk.clock import AsOf, InstantLike, parse_day, parse_instant, resolve_as_of
from workbench.desk.frames import DeskFrame, Headline, RiskResult, StressResult, desk_frame
from workbench.desk.headline import grid_of, headline_of, measure_risk
from workbench.desk.health import DeskStatus, desk_status, require_whole
from workbench.desk.logs import bind_correlation_id, configure_logging, correlation_id, get_logger
from workbench.desk.option_desk import OptionDesk
from workbench.desk.option_structure import StructureResult
from workbench.desk.option_surface import SurfaceResult
from workbench.desk.outbox import deliver_due, open_channels
from workbench.errors import ArgumentError, MissingDataError, PermissionDeniedError, UnknownSymbolError
from workbench.market.calendars import exchange_zone, session_closes
from workbench.market.corporate_actions import adjust_bars
from workbench.providers import Provider, nearest_names, open_provider
from workbench.risk import stress_legs
from workbench.settings import DeskSettings, load_settings, make_home
from workbench.store import Lake, Ledger

if TYPE_CHECKING:
    from workbench.desk.monitor import RuleCheck

Adjust = Literal["all", "splits"] | None
KEPT_READINGS = 8
GROUPINGS = ("underlying", "expiry", "kind", "account", "strategy")


class Desk:
    """One desk, opened by `Desk.open`; safe to hold in many processes at once.

    Examples
    --------
    >>> desk = Desk.open()  # doctest: +SKIP
    >>> desk.headline()  # doctest: +SKIP
    """

    def __init__(self, home: Path, settings: DeskSettings, lake: Lake, ledger: Ledger, role: str) -> None:
        self.home = home
        self.settings = settings
        self.role = role
        self._lake = lake
        self._ledger = ledger
        self._log = get_logger("desk")
        self._read_state: tuple[int, tuple[int, int]] | None = None
        self._read_positions: dict[tuple[pd.Timestamp, bool], pd.DataFrame] = {}

    @classmethod
    def open(cls, home: str | PathLike[str] | None = None, *, role: str | None = None) -> Self:
        """Open the desk in `home`, making it when it is not there.

        Parameters
        ----------
        home : path, optional
            Folder of the desk; else ``WORKBENCH_HOME``, else ``~/workbench-desk``.
        role : {"viewer", "trader"}, optional
            A viewer may read, a trader may also write; the setting ``role`` unless given.

        Raises
        ------
        DeskHomeError
            If the folder cannot hold a desk, or holds a damaged one.
        DeskVersionError
            If a newer version made the desk.
        SettingsError
            If a setting has a value that cannot be used.
        """
        folder = make_home(home)
        require_whole(folder)
        settings = load_settings(folder)
        configure_logging(folder, settings.logs.level)
        bind_correlation_id()
        store = settings.store
        lake = Lake.open(
            folder / "lake",
            threads=store.threads,
            memory_limit=store.memory_limit,
            lock_timeout=store.lock_timeout_seconds,
        )
        try:
            ledger = Ledger.open(folder / "ledger.sqlite")
        except BaseException:
            lake.close()
            raise
        chosen = "viewer" if "viewer" in (role, settings.role) else "trader"
        return cls(folder, settings, lake, ledger, chosen)

    def close(self) -> None:
        """Release the desk's files."""
        self._lake.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Desk({str(self.home)!r}, {self.as_of().note})"

    # -- the clock -------------------------------------------------------------------------------------

    @staticmethod
    def now() -> pd.Timestamp:
        """Return the wall clock in UTC."""
        return pd.Timestamp(datetime.now(UTC))

    def as_of(self, as_of: InstantLike = None) -> AsOf:
        """Return the instant that `as_of` means: a session's close for a date, the desk's clock for None."""
        return resolve_as_of(as_of, self.settings, self.now())

    # -- data in ---------------------------------------------------------------------------------------

    def ingest(
        self,
        provider: str | Provider,
        symbols: str | Sequence[str],
        *,
        start: str | None = None,
        end: str | None = None,
        interval: str = "1d",
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> DeskFrame:
        """Fetch bars and corporate actions from a provider; only what is new or changed is written.

        Parameters
        ----------
        provider : str or Provider
            ``"sample"``, ``"files"`` (bars under ``<home>/files``), or an object that follows the protocol.
        symbols : str or sequence of str
            Tickers; ``"all"`` means every symbol that the provider has.
        start, end : str, optional
            First and last session, ISO dates.
        interval : str
            ``"1d"`` for daily bars.

        Returns
        -------
        DeskFrame, indexed by symbol
            Rows new, changed, unchanged, quarantined.

        Raises
        ------
        UnknownProviderError, UnknownSymbolError
            Each names the nearest it knows.
        """
        self._require_trader("ingest data")
        source = (
            open_provider(provider, folder=self.home / "files") if isinstance(provider, str) else provider
        )
        names = source.symbols() if symbols == "all" else _as_list(symbols)
        summary = ingests.ingest_from_provider(
            self._lake,
            source,
            names,
            start=start,
            end=end,
            interval=interval,
            calendar=self.settings.market.calendar,
            on_progress=on_progress,
        )
        self._wrote("ingest", {"provider": source.name, "symbols": names, **_counts(summary)})
        return summary

    def load(
        self,
        path_or_frame: str | PathLike[str] | pd.DataFrame,
        *,
        kind: str,
        source: str,
        columns: dict[str, str] | None = None,
        time_zone: str | None = None,
        encoding: str | None = None,
        interval: str | None = None,
        symbol: str | None = None,
    ) -> DeskFrame:
        """Load a file or frame of your own; good rows are kept, bad ones go to quarantine with the reason.

        Parameters
        ----------
        path_or_frame : path or DataFrame
            CSV (also compressed) or Parquet.
        kind : {"bars", "chain", "fills"}
            What the rows are.
        source : str
            Where the data come from; shown beside every figure made of them.
        columns : dict, optional
            Their column names to ours, for those that are not recognised.
        time_zone : str, optional
            Zone of times without one, as in ``"America/New_York"``.
        encoding : str, optional
            Of a text file, when it is not UTF-8.
        interval : str, optional
            Of bars, as in ``"1d"`` or ``"5m"``; read from their times unless given.
        symbol : str, optional
            For bars without a symbol column; for a chain the underlying.

        Returns
        -------
        DeskFrame, indexed by symbol
            Rows new, changed, unchanged, quarantined.

        Raises
        ------
        DataFormatError
            If the file as a whole cannot be used; nothing was loaded then.
        """
        self._require_trader("load data")
        summary = ingests.load_into(
            self._lake,
            self._ledger,
            path_or_frame,
            kind=kind,
            source=source,
            columns=columns,
            time_zone=time_zone,
            encoding=encoding,
            interval=interval,
            symbol=symbol,
            recorded_at=self.now(),
        )
        named = "frame" if isinstance(path_or_frame, pd.DataFrame) else str(path_or_frame)
        self._wrote("load", {"kind": kind, "source": source, "from": named, **_counts(summary)})
        return summary

    def load_bars(self, frame: pd.DataFrame, *, source: str, interval: str = "1d") -> DeskFrame:
        """Load bars from a frame: symbol, time, open, high, low, close, volume; durable when it returns."""
        return self.load(frame, kind="bars", source=source, interval=interval)

    # -- data out --------------------------------------------------------------------------------------

    def symbols(self, interval: str = "1d") -> pd.DataFrame:
        """Return what bars the desk holds: one row a symbol with rows, first, last, source."""
        return self._lake.summary(ingests.bars_table(interval))

    def bars(
        self,
        symbols: str | Sequence[str],
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        interval: str = "1d",
        adjust: Adjust = "all",
        known_at: InstantLike = None,
    ) -> pd.DataFrame:
        """Return bars: open, high, low, close, volume on an ascending UTC ``time``.

        Parameters
        ----------
        symbols : str or sequence of str
            One symbol gives a ``time`` index, a list a (symbol, time) index.
        start, end : date or str, optional
            First and last session, both included; nothing after the desk's clock is given.
        adjust : {"all", "splits", None}
            Applied on read: splits and dividends up to the desk's clock, splits only, or raw prices.
        known_at : instant, optional
            Only what the desk knew then: corrections learned later are undone.

        Raises
        ------
        UnknownSymbolError
            If the desk has no bars of a symbol; names the nearest it has.
        """
        if adjust not in ("all", "splits", None):
            raise ArgumentError(f"`adjust` is {adjust!r}; give 'all', 'splits' or None.")
        names = _as_list(symbols)
        calendar = self.settings.market.calendar
        table = ingests.bars_table(interval)
        knowledge = parse_instant(known_at, calendar) if known_at is not None else None
        last = self.as_of(end).instant
        first = parse_day(start, calendar) if start is not None else None
        frame = self._lake.read(
            table,
            symbols=names,
            start=first,
            end=last,
            known_at=knowledge,
            where={"interval": interval} if table == "intraday_bars" else None,
        )
        now = self.as_of().instant
        if table == "daily_bars":
            # A bar of today is not known before today's close, whenever its file was made.
            closes = session_closes(calendar, frame["time"].dt.tz_localize(None).dt.normalize())
            frame = frame[~(closes > now)]
        missing = [name for name in names if name not in set(frame["symbol"])]
        if missing:
            self._explain_missing(missing, table, known_at)
        bars = frame.set_index(["symbol", "time"])[["open", "high", "low", "close", "volume"]].sort_index()
        if adjust is not None:
            today = now.tz_convert(exchange_zone(calendar)).date()
            actions = self._lake.read("corporate_actions", symbols=names, end=today, known_at=knowledge)
            bars = adjust_bars(bars, actions, adjust=adjust)
        if isinstance(symbols, str):
            return bars.droplevel("symbol")
        return bars

    def price(self, symbol: str, as_of: InstantLike = None) -> float:
        """Return the last known price of a ticker or OCC symbol: a raw close, or the mid of bid and ask.

        Raises
        ------
        MissingDataError
            If nothing in the thirty days before tells it.
        """
        moment = self.as_of(as_of)
        mark = marks_at(self._lake, [symbol], moment.instant, self.settings.market.calendar).iloc[0]
        if not np.isfinite(mark["price"]):
            raise MissingDataError(
                f"The desk has no price of {symbol} in the thirty days before {moment.text}; "
                "load bars or a chain that covers it."
            )
        return float(mark["price"])

    def snapshot(self) -> int:
        """Return the number of the lake's newest snapshot, which a report names as what it was made of."""
        return self._lake.snapshot()

    def quarantine(self) -> DeskFrame:
        """Return the rows that were refused: table, source, line, reason and text."""
        rows = self._lake.read("quarantine").sort_values(
            ["recorded_at", "source", "line"], ascending=[False, True, True]
        )
        return desk_frame(rows.reset_index(drop=True), title="Quarantined rows")

    # -- the book --------------------------------------------------------------------------------------

    def book(self, as_of: InstantLike = None) -> DeskFrame:
        """Return the positions with price, value, profit and loss and Greeks, one row a position.

        Money is in the desk's currency; ``dollar_gamma_1pct`` is the change of dollar delta for 1 %,
        ``vega_point`` is per volatility point, ``theta_day`` per calendar day, ``rho_point`` per 1 %.
        Positions closed by then are left out; `realized` remains in the headline's P&L.
        """
        moment = self.as_of(as_of)
        legs = books.open_legs(self._positions(moment))
        return desk_frame(legs, title="Positions", note=self._note(moment, legs))

    def book_greeks(self, by: str = "underlying", as_of: InstantLike = None) -> DeskFrame:
        """Return value and Greeks by group, with the whole book as the last row, in trader's units."""
        if by not in GROUPINGS:
            raise ArgumentError(f"`by` is {by!r}; give one of {', '.join(GROUPINGS)}.")
        moment = self.as_of(as_of)
        # A position may belong to several strategies; of other groupings it has one.
        legs = books.open_legs(self._positions(moment, by_strategy=by == "strategy"))
        return desk_frame(
            books.grouped_greeks(legs, by), title=f"Greeks by {by}", note=self._note(moment, legs)
        )

    def stress(
        self, *, spot: float = 0.0, volatility: float = 0.0, days: float = 0, as_of: InstantLike = None
    ) -> StressResult:
        """Revalue the book after a move of every underlying and of every volatility.

        Parameters
        ----------
        spot : float
            Relative change, -0.05 is a fall of 5 %.
        volatility : float
            Absolute change per 1.00, 0.05 is five points up.
        days : float
            Calendar days that pass.

        Raises
        ------
        ArgumentError
            If a move is none that a market could make.
        """
        _require_shock("spot", spot, -1.0, 10.0, "a relative change, as in -0.05 for -5 %")
        _require_shock("volatility", volatility, -5.0, 5.0, "an absolute change, as in 0.05 for five points")
        _require_shock("days", days, 0.0, 36_500.0, "calendar days, zero or more")
        moment = self.as_of(as_of)
        legs = self._legs(moment)
        table = stress_legs(books.priced(legs), spot=spot, volatility=volatility, days=days)
        return StressResult(
            # Of a book that nobody can price the loss is missing, not nothing.
            pnl=float(table["pnl"].sum(min_count=1)) if len(legs) else 0.0,
            findings=books.findings_of(legs),
            spot=spot,
            volatility=volatility,
            days=days,
            positions=table,
            as_of=moment,
        )

    def scenario_grid(
        self, as_of: InstantLike = None, *, underlying: str | None = None, days: float = 0
    ) -> pd.DataFrame:
        """Return the book's P&L on the grid of the settings: rows spot, columns volatility, money.

        All of it is missing when no position can be priced.

        Raises
        ------
        ArgumentError
            If the book has nothing on `underlying`.
        """
        legs = self._legs(self.as_of(as_of))
        if underlying is not None:
            names = sorted(legs["underlying"].unique())
            if underlying not in names:
                raise ArgumentError(
                    f"`underlying` is {underlying!r}; the book has {', '.join(names) or 'none'}."
                )
            legs = legs[legs["underlying"].eq(underlying)]
        grid = grid_of(legs, self.settings.risk, days=days)
        return grid * np.nan if len(legs) and books.priced(legs).empty else grid

    def value_at_risk(
        self,
        confidence: float = 0.99,
        *,
        method: str = "historical",
        horizon_days: int = 1,
        as_of: InstantLike = None,
    ) -> RiskResult:
        """Return VaR and ES of the book by full revaluation over the history of its underlyings.

        Each past move of the underlyings, over `horizon_days` sessions, is applied to today's book; implied
        volatilities stay as they are.

        Raises
        ------
        MissingDataError
            If there is less common history than fifty sessions.
        """
        if method != "historical":
            raise ArgumentError(f"`method` is {method!r}; this desk computes 'historical'.")
        if not 0.5 < confidence < 1:
            raise ArgumentError(f"`confidence` is {confidence:g}; give a fraction such as 0.99.")
        if horizon_days < 1:
            raise ArgumentError(f"`horizon_days` is {horizon_days}; give one session or more.")
        moment = self.as_of(as_of)
        return measure_risk(
            self._lake,
            self._legs(moment),
            moment,
            self.settings.risk,
            confidence=confidence,
            horizon_days=horizon_days,
        )

    def headline(self, as_of: InstantLike = None) -> Headline:
        """Return the figures that every face shows first."""
        moment = self.as_of(as_of)
        return headline_of(self._lake, self._positions(moment), moment, self.settings.risk)

    # -- options ---------------------------------------------------------------------------------------

    def chain(
        self,
        symbol: str,
        as_of: InstantLike = None,
        *,
        expiry: InstantLike = None,
        known_at: InstantLike = None,
    ) -> DeskFrame:
        """Return the option chain of `symbol` with our volatility and Greeks beside the vendor's.

        The rows are the quotes of the last session that has any at `as_of`; contracts quoted before it alone
        are not among them. Time runs from the quote to the settlement.

        Parameters
        ----------
        symbol : str
            Ticker of the underlying, as in ``"SPX"``.
        as_of : instant, optional
            Nothing dated later is used.
        expiry : date, optional
            Only that expiration date.
        known_at : instant, optional
            Only what the desk knew then.

        Returns
        -------
        DeskFrame, one row a contract
            ``days``, ``years``, ``mid`` (missing where a side is missing or the market is crossed),
            ``spot``, ``forward``, ``rate``, ``dividend_yield``, ``model`` (black_scholes or american),
            ``implied_volatility`` of the middle, ``bid_volatility``, ``ask_volatility`` (fractions),
            ``delta``, ``gamma``, ``vega_point`` (per volatility point), ``theta_day`` (per calendar day),
            ``rho_point`` (per 1 %), the vendor's figures, ``parts`` (where ours part from the vendor's, ""
            where nowhere), ``status`` ("ok", or why there is no volatility), ``flags`` (what to mind).
            docs/options.md has all columns.

        Raises
        ------
        UnknownSymbolError, MissingDataError
            If the desk has no such chain, no quotes by then, or no such expiry.
        """
        calendar = self.settings.market.calendar
        knowledge = parse_instant(known_at, calendar) if known_at is not None else None
        day = parse_day(expiry, calendar) if expiry is not None else None
        return self._options.chain(symbol, self.as_of(as_of), expiry=day, known_at=knowledge)

    def option_symbols(self) -> list[str]:
        """Return the underlyings that the desk has option chains of, in alphabetical order."""
        return self._options.symbols()

    def expiries(self, symbol: str, as_of: InstantLike = None) -> DeskFrame:
        """Return one line an expiry of the chain: time, forward, volatility at the money, expected move.

        Two roots of one date that settle at different hours, as SPX and SPXW, are two lines.

        Raises
        ------
        UnknownSymbolError, MissingDataError
            As `chain`.
        """
        return self._options.expiries(symbol, self.as_of(as_of))

    def surface(self, symbol: str, as_of: InstantLike = None) -> SurfaceResult:
        """Return the volatility surface of the chain, fitted without arbitrage.

        Returns
        -------
        SurfaceResult
            ``surface`` (ask it for a volatility), ``table`` (expiry by delta), ``fits`` (with the misses),
            ``term``, ``arbitrage`` (the proof), ``left_out``; draws itself with ``plot()``, ``plot_smile()``
            and ``plot_term()``.

        Raises
        ------
        UnknownSymbolError, MissingDataError
            As `chain`, or if no expiry has quotes enough for a smile.
        """
        return self._options.surface(symbol, self.as_of(as_of))

    def structure(
        self,
        symbol: str,
        name: str,
        *,
        as_of: InstantLike = None,
        expiry: InstantLike = None,
        days: float | None = None,
        delta: float | Mapping[str, float] | None = None,
        width: float | None = None,
        strikes: Sequence[float] | None = None,
        quantity: float = 1,
    ) -> StructureResult:
        """Return a named structure built from the chain: legs, figures and payoff.

        Parameters
        ----------
        symbol : str
            Ticker of the underlying.
        name : str
            As in ``"iron_condor"``; `workbench.pricing.STRUCTURES` has all.
        as_of : instant, optional
            Nothing dated later is used.
        expiry, days : date, float, optional
            A listed expiry, or calendar days to the nearest one; 45 days without either.
        delta, width, strikes
            Where the strikes stand; see `workbench.pricing.build_structure`.
        quantity : float
            Lots; below zero turns every leg round.

        Returns
        -------
        StructureResult
            ``legs``, ``summary``, ``profit`` (by spot and date), ``break_evens``; draws itself with
            ``plot()``.

        Raises
        ------
        PricingInputError
            If there is no such structure, or no listed contract fits.
        UnknownSymbolError, MissingDataError
            As `chain`.
        """
        day = parse_day(expiry, self.settings.market.calendar) if expiry is not None else None
        return self._options.structure(
            symbol,
            name,
            self.as_of(as_of),
            expiry=day,
            days=days,
            delta=delta,
            width=width,
            strikes=strikes,
            quantity=quantity,
        )

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

    # -- inside ----------------------------------------------------------------------------------------

    @cached_property
    def _options(self) -> OptionDesk:
        return OptionDesk(self._lake, self.settings.market)

    @cached_property
    def _channels(self) -> dict[str, Channel]:
        return open_channels(self._ledger, self.home)

    def _positions(self, moment: AsOf, *, by_strategy: bool = False) -> pd.DataFrame:
        """Return the valued positions; the last few are kept until a fill or the lake changes.

        A page asks for one instant again with every click, and reading the stores takes most of the time.
        """
        state = (self._lake.snapshot(), self._ledger.fills.version())
        if state != self._read_state:
            self._read_positions.clear()
            self._read_state = state
        key = (moment.instant, by_strategy)
        if key not in self._read_positions:
            reader = books.BookReader(self._lake, self._ledger, self.settings.market)
            while len(self._read_positions) >= KEPT_READINGS:
                self._read_positions.pop(next(iter(self._read_positions)))
            self._read_positions[key] = reader.positions(moment, by_strategy=by_strategy)
        return self._read_positions[key].copy()

    def _legs(self, moment: AsOf) -> pd.DataFrame:
        return books.open_legs(self._positions(moment))

    def _note(self, moment: AsOf, legs: pd.DataFrame) -> str:
        parts = [moment.text, moment.label, books.source_of(legs)]
        if len(legs) and legs["modelled"].any():
            parts.append("options modelled")
        return " · ".join(part for part in parts if part)

    def _require_trader(self, action: str) -> None:
        if self.role != "trader":
            raise PermissionDeniedError(
                f"Your role is {self.role}: it may read the desk, not {action}. "
                "Open the desk as trader in a session of your own."
            )

    def _wrote(self, action: str, details: dict[str, Any]) -> None:
        self._ledger.audit.append(action, self.role, details, correlation_id(), self.now())
        self._log.info(action, **details)

    def _explain_missing(self, missing: list[str], table: str, known_at: InstantLike) -> None:
        """Raise the error that fits: never heard of, or no bars in the period asked for."""
        held = self._lake.summary(table)
        unknown = [name for name in missing if name not in held.index]
        if unknown:
            near = nearest_names(unknown[0], held.index.tolist()) or held.index.tolist()[:5]
            hint = f"The nearest it has: {', '.join(near)}." if near else "It has no bars at all yet."
            raise UnknownSymbolError(
                f"The desk has no bars of {unknown[0]!r}. {hint} "
                "Load some with `workbench ingest` or `workbench load`."
            )
        first, last, learned = held.loc[missing[0], ["first", "last", "recorded_at"]]
        if known_at is not None:
            raise MissingDataError(
                f"At {known_at} the desk knew no bars of {missing[0]} of that period; it learned its newest "
                f"at {learned:%Y-%m-%d %H:%M} UTC. Give a later `known_at`."
            )
        raise MissingDataError(
            f"The desk has bars of {missing[0]} from {first:%Y-%m-%d} to {last:%Y-%m-%d}, none in the period "
            "asked for; give another start or end."
        )


def _as_list(symbols: str | Sequence[str]) -> list[str]:
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    if not names:
        raise ArgumentError("`symbols` is empty; give at least one, as in ['AAPL'].")
    return list(dict.fromkeys(names))


def _require_shock(name: str, value: float, least: float, most: float, meaning: str) -> None:
    if not least <= value <= most:
        raise ArgumentError(f"`{name}` is {value:g}; give {meaning}, between {least:g} and {most:g}.")


def _counts(summary: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(value) for name, value in summary.sum().items()}
