"""The options of one underlying as a desk answers for them: chain, expiries, surface, structures."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from workbench.desk.clock import AsOf
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.option_carry import add_carry
from workbench.desk.option_chain import CHAIN_COLUMNS, price_quotes
from workbench.desk.option_expiries import expiries_of
from workbench.desk.option_flags import flags_of
from workbench.desk.option_quotes import last_snapshot, underlyings_held
from workbench.desk.option_structure import StructureResult, structure_of
from workbench.desk.option_surface import SurfaceResult, fit_chain
from workbench.desk.option_vendor import in_natural_units, parts_of
from workbench.errors import MissingDataError
from workbench.settings import MarketSettings
from workbench.store import Lake

KEPT_CHAINS = 6
CHAIN_FORMATS = {
    "years": ".4f",
    "implied_volatility": ".2%",
    "bid_volatility": ".2%",
    "ask_volatility": ".2%",
    "vendor_implied_volatility": ".2%",
    "rate": ".2%",
    "dividend_yield": ".2%",
    "delta": ".3f",
    "gamma": ".5f",
    "vega_point": ".3f",
    "theta_day": ".3f",
    "rho_point": ".3f",
    "vendor_delta": ".3f",
    "vendor_gamma": ".5f",
    "vendor_theta": ".3f",
    "vendor_vega": ".3f",
    "volume": ",.0f",
    "open_interest": ",.0f",
    "atm_volatility": ".2%",
}


class OptionDesk:
    """Reads chains from the lake and prices them; the last few are kept until the lake changes."""

    def __init__(self, lake: Lake, market: MarketSettings) -> None:
        self._lake = lake
        self._market = market
        self._snapshot = -1
        self._kept: dict[tuple[str, pd.Timestamp, pd.Timestamp | None], pd.DataFrame] = {}

    def symbols(self) -> list[str]:
        """Return the underlyings of all quotes in the lake."""
        return underlyings_held(self._lake)

    def chain(
        self,
        symbol: str,
        as_of: AsOf,
        *,
        expiry: date | pd.Timestamp | None = None,
        known_at: pd.Timestamp | None = None,
    ) -> DeskFrame:
        """Return the chain; see `Desk.chain`."""
        priced = self.priced(symbol, as_of, known_at=known_at)
        if expiry is not None:
            priced = of_expiry(priced, expiry, symbol)
        return desk_frame(
            priced[CHAIN_COLUMNS].reset_index(drop=True),
            title=f"{symbol} options",
            note=note_of(priced, as_of),
            formats=CHAIN_FORMATS,
        )

    def expiries(self, symbol: str, as_of: AsOf) -> DeskFrame:
        """Return one line an expiry; see `Desk.expiries`."""
        priced = self.priced(symbol, as_of)
        return desk_frame(
            expiries_of(priced),
            title=f"{symbol} expiries",
            note=note_of(priced, as_of),
            formats=CHAIN_FORMATS,
        )

    def surface(self, symbol: str, as_of: AsOf) -> SurfaceResult:
        """Return the fitted surface; see `Desk.surface`."""
        priced = self.priced(symbol, as_of)
        return fit_chain(priced, symbol, as_of, note_of(priced, as_of))

    def structure(self, symbol: str, name: str, as_of: AsOf, **terms: Any) -> StructureResult:
        """Return a structure built from the chain; see `Desk.structure`."""
        priced = self.priced(symbol, as_of)
        return structure_of(priced, name, symbol, as_of, note_of(priced, as_of), **terms)

    def priced(self, symbol: str, as_of: AsOf, *, known_at: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return the priced chain with the columns that the desk itself needs."""
        snapshot = self._lake.snapshot()
        if snapshot != self._snapshot:
            self._kept.clear()
            self._snapshot = snapshot
        key = (symbol, as_of.instant, known_at)
        if key not in self._kept:
            while len(self._kept) >= KEPT_CHAINS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = self._price(symbol, as_of, known_at)
        return self._kept[key].copy()

    def _price(self, symbol: str, as_of: AsOf, known_at: pd.Timestamp | None) -> pd.DataFrame:
        quotes = last_snapshot(self._lake, symbol, as_of, self._market.calendar, known_at)
        frame = price_quotes(add_carry(quotes, self._market))
        in_natural_units(frame)
        frame["parts"] = parts_of(frame)
        frame["flags"] = flags_of(frame)
        return frame


def note_of(priced: pd.DataFrame, as_of: AsOf) -> str:
    """Say what stands beside a chain: as-of, when it was quoted, source, modelled, spot."""
    times = priced["time"].max().tz_convert(as_of.zone)
    quoted = f"quotes of {times:%Y-%m-%d %H:%M}"
    if priced["stale"].any():
        quoted += ", an earlier session"
    spot = priced["spot"].median()
    parts = [
        as_of.text,
        as_of.label,
        quoted,
        f"spot {spot:,.2f}" if np.isfinite(spot) else "spot missing",
        "; ".join(dict.fromkeys(priced["source"].dropna())),
        "options modelled" if priced["modelled"].any() else "",
    ]
    return " · ".join(part for part in parts if part)


def of_expiry(priced: pd.DataFrame, expiry: date | pd.Timestamp, symbol: str) -> pd.DataFrame:
    """Return the rows of one expiration date; both roots where two share it."""
    day = pd.Timestamp(expiry).tz_localize(None).normalize()
    chosen = priced[priced["expiry"].eq(day)]
    if chosen.empty:
        held = pd.DatetimeIndex(priced["expiry"].unique())
        near = sorted(held, key=lambda each: abs(each - day))[:4]
        raise MissingDataError(
            f"The chain of {symbol} has no expiry {day:%Y-%m-%d}; the nearest are "
            f"{', '.join(f'{each:%Y-%m-%d}' for each in sorted(near))}."
        )
    return chosen
