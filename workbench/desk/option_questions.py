"""What listed options say: the chain with our figures, its expiries, the surface, named structures."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from workbench.desk.clock import InstantLike, parse_day, parse_instant
from workbench.desk.frames import DeskFrame
from workbench.desk.opened import OpenedDesk
from workbench.desk.option_desk import OptionDesk
from workbench.desk.option_structure import StructureResult
from workbench.desk.option_surface import SurfaceResult


class OptionQuestions(OpenedDesk):
    """Answers about the options that a desk has quotes of."""

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

    @cached_property
    def _options(self) -> OptionDesk:
        return OptionDesk(self._lake, self.settings.market)
