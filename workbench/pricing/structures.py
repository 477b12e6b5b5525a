"""Named structures built from a chain: by delta, by days to expiry and width, or by strike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.arrays import require_finite
from workbench.errors import PricingInputError
from workbench.market.instruments import is_option_symbol, underlying_of
from workbench.pricing.structure_catalogue import STRUCTURES, LegRole, Structure

Fill = Literal["mid", "worst"]

CHAIN_COLUMNS = (
    "symbol", "expiry", "years", "strike", "right", "bid", "ask", "implied_volatility", "delta", "spot",
    "rate", "dividend_yield", "exercise",
)  # fmt: skip
STRUCTURE_COLUMNS = (
    "role", "symbol", "underlying", "kind", "expiry", "days", "strike", "years", "quantity", "multiplier",
    "exercise", "spot", "volatility", "rate", "dividend_yield", "price", "bid", "ask", "mid", "delta",
)  # fmt: skip
DEFAULT_DAYS = 45.0
DEFAULT_FAR_DAYS = 30.0
DEFAULT_WIDTH = 0.03  # of spot
DELTA_TOLERANCE = 0.10
_WORDS = {"C": "call", "P": "put"}
_RIGHTS = {"call": "C", "put": "P"}


def build_structure(
    name: str,
    chain: pd.DataFrame,
    *,
    expiry: date | str | None = None,
    days: float | None = None,
    far_expiry: date | str | None = None,
    far_days: float | None = None,
    delta: float | Mapping[str, float] | None = None,
    width: float | None = None,
    strikes: Sequence[float] | None = None,
    quantity: float = 1,
    fill: Fill = "mid",
    delta_tolerance: float = DELTA_TOLERANCE,
    allow_unquoted: bool = False,
) -> pd.DataFrame:
    """Build the legs of a named structure from the quotes of a chain.

    Parameters
    ----------
    name : str
        A key of `STRUCTURES`, as in ``iron_condor``; spaces and capitals do not matter.
    chain : DataFrame, one row a contract
        symbol, expiry, years, strike, right (C, P), bid, ask, implied_volatility, delta, spot, rate,
        dividend_yield, exercise; multiplier, where it is not 100; underlying, where the symbol does not
        tell. Of several roots that share an expiry the one with the most quotes is used.
    expiry, far_expiry : date, optional
        A listed expiration; `far_expiry` for the later legs of calendars and diagonals.
    days, far_days : float, optional
        Calendar days to it instead: the nearest listed expiry, the earlier of two as near. Without any: 45
        days, and the far one 30 days after the near; it is always later than the near one.
    delta : float or mapping, optional
        Absolute delta of the strikes that the structure places by delta or at the money, or one for each
        right: ``{"put": 0.16, "call": 0.10}``. The nearest delta among the strikes with a quote in every leg.
        Without it: the structure's own, at the money the strike nearest to spot, the lower of two as near.
    width : float, optional
        Distance of the other strikes from those, in currency; without it 3 % of spot. One distance for all
        where the listed strikes allow it within half and double of `width`; else each takes its nearest.
    strikes : sequence of float, optional
        All strikes instead, each one once, ascending, as listed.
    quantity : float
        Lots; below zero turns every leg round.
    fill : {"mid", "worst"}
        `price` is the middle of bid and ask, or the ask of what is bought and the bid of what is sold.
    delta_tolerance : float
        How far the nearest delta may lie from the one asked for.
    allow_unquoted : bool
        Take legs without a quote too; their price is then missing.

    Returns
    -------
    DataFrame, one row a leg
        `STRUCTURE_COLUMNS`: role (in words), symbol, underlying, kind, expiry, days, strike, years, quantity
        (signed; shares for a share), multiplier, exercise, spot, volatility, rate, dividend_yield, price
        (per share), bid, ask, mid, delta (per unit of the leg): the legs that `payoff_summary` reads.

    Raises
    ------
    PricingInputError
        If the name is unknown, the chain lacks a column, no listed contract with a quote fits, or arguments
        contradict each other.

    Notes
    -----
    A quote is a bid above zero and an ask not below it; to buy at the worst fill an ask is enough, to sell a
    bid.
    """
    structure = find_structure(name)
    listed = _Listed.read(chain, fill, allow_unquoted)
    _require_consistent(structure, delta, width, strikes, far_expiry, far_days, quantity)
    if quantity < 0:
        structure = replace(structure, legs=tuple(replace(leg, ratio=-leg.ratio) for leg in structure.legs))
    near = _pick_expiry(listed, expiry, days, DEFAULT_DAYS, None)
    terms = {"near": near}
    if structure.has_far:
        later = listed.days_to(near) + DEFAULT_FAR_DAYS
        terms["far"] = _pick_expiry(listed, far_expiry, far_days, later, near)
    placer = _Placer(structure, listed, terms, delta_tolerance)
    chosen = placer.given(strikes) if strikes is not None else placer.placed(delta, width)
    rows = [_leg_row(leg, listed, terms, chosen, abs(float(quantity)), fill) for leg in structure.legs]
    return pd.DataFrame(rows, columns=list(STRUCTURE_COLUMNS))


def find_structure(name: str) -> Structure:
    """Return a structure by name; spaces, hyphens and capitals do not matter.

    Raises
    ------
    PricingInputError
        If there is none, with the nearest names.
    """
    key = str(name).strip().lower().replace(" ", "_").replace("-", "_").replace("'", "")
    if key in STRUCTURES:
        return STRUCTURES[key]
    near = get_close_matches(key, STRUCTURES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise PricingInputError(f"{name!r} is no structure; {hint}give one of {', '.join(STRUCTURES)}.")


def _day(value: Any) -> str:
    stamp = pd.Timestamp(value)
    return f"{stamp.day} {stamp:%b %Y}"


@dataclass(frozen=True, slots=True)
class _Listed:
    """The contracts of a chain by expiry, right and strike, and which of them can be traded."""

    rows: dict[tuple[pd.Timestamp, str, float], Any]
    expiries: pd.Series
    spot: float
    underlying: str
    fill: Fill
    allow_unquoted: bool

    @classmethod
    def read(cls, chain: pd.DataFrame, fill: Fill, allow_unquoted: bool) -> "_Listed":
        absent = [name for name in CHAIN_COLUMNS if name not in chain.columns]
        if absent:
            raise PricingInputError(
                f"The chain has no column `{'`, `'.join(absent)}`; give {', '.join(CHAIN_COLUMNS)}."
            )
        if fill not in {"mid", "worst"}:
            raise PricingInputError(f"`fill` is {fill!r}; give 'mid' or 'worst'.")
        frame = chain[chain["years"] > 0]
        if frame.empty:
            raise PricingInputError("The chain has no option with time left; give the quotes of another day.")
        odd = ~frame["right"].isin(["C", "P"])
        if odd.any():
            raise PricingInputError(f"`right` is {frame['right'][odd].iloc[0]!r}; give 'C' or 'P'.")
        frame = frame.assign(expiry=pd.to_datetime(frame["expiry"]).dt.as_unit("ns"))
        frame = _one_root(frame)
        spots = frame["spot"].dropna().unique()
        names = _underlyings(frame)
        if len(spots) != 1 or len(names) != 1:
            raise PricingInputError(
                f"The chain has {len(spots)} spots and {len(names)} underlyings; give the quotes of one "
                "underlying at one instant."
            )
        columns = [*CHAIN_COLUMNS, *(["multiplier"] if "multiplier" in frame.columns else [])]
        keys = zip(frame["expiry"], frame["right"], frame["strike"].astype(np.float64), strict=True)
        rows: dict[Any, Any] = dict(zip(keys, frame[columns].itertuples(), strict=True))
        days = frame["days"] if "days" in frame.columns else frame["years"] * 365.0
        expiries = days.astype(np.float64).groupby(frame["expiry"]).first()
        return cls(rows, expiries, float(spots[0]), str(names[0]), fill, allow_unquoted)

    def days_to(self, expiry: pd.Timestamp) -> float:
        return float(self.expiries[expiry])

    def has(self, leg: LegRole, expiry: pd.Timestamp, strike: float) -> bool:
        """Whether a leg is listed at a strike and can be traded there."""
        row = self.rows.get((expiry, _RIGHTS[leg.kind], strike))
        if row is None:
            return False
        has_bid, has_ask = row.bid > 0, row.ask > 0
        quoted = has_bid and has_ask and row.bid <= row.ask
        if self.fill == "worst":
            crossed = has_bid and has_ask and row.bid > row.ask
            quoted = (has_ask if leg.ratio > 0 else has_bid) and not crossed
        return bool(quoted or self.allow_unquoted)


def _one_root(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one root an expiry: legs of two roots settle differently or deliver something else."""
    root = (
        frame["symbol"]
        .astype(str)
        .str[:-15]
        .str.strip()
        .where(frame["symbol"].astype(str).str.len() > 15, "")
    )
    quotes = (frame["bid"].notna() & frame["ask"].notna()).groupby([frame["expiry"], root]).sum()
    best = quotes.groupby(level=0).idxmax()
    keep = {tuple(pair) for pair in best}
    mask = [(expiry, name) in keep for expiry, name in zip(frame["expiry"], root, strict=True)]
    return frame[mask]


def _underlyings(frame: pd.DataFrame) -> list[str]:
    if "underlying" in frame.columns:
        return [str(name) for name in frame["underlying"].dropna().unique()]
    symbols = frame["symbol"].astype(str).unique()
    return sorted({underlying_of(text) if is_option_symbol(text) else text for text in symbols})


def _require_consistent(
    structure: Structure, delta: Any, width: Any, strikes: Any, far_expiry: Any, far_days: Any, quantity: Any
) -> None:
    if strikes is not None and (delta is not None or width is not None):
        raise PricingInputError("`strikes` say where all legs stand; leave `delta` and `width` out.")
    if width is not None and not structure.has_width:
        raise PricingInputError(f"`width` places no strike of a {structure.title.lower()}; leave it out.")
    if (far_expiry is not None or far_days is not None) and not structure.has_far:
        raise PricingInputError(f"A {structure.title.lower()} has one expiry; leave the far one out.")
    if width is not None and not (np.isfinite(width) and width > 0):
        raise PricingInputError(f"`width` is {width}; give a distance of strikes above zero, in currency.")
    (lots,) = require_finite(quantity=quantity)
    if lots.ndim or np.isnan(lots) or lots == 0:
        raise PricingInputError(f"`quantity` is {quantity}; give a number of lots other than zero.")


def _pick_expiry(
    listed: _Listed, expiry: Any, days: float | None, default: float, after: pd.Timestamp | None
) -> pd.Timestamp:
    """Return the listed expiry that is named, or the nearest to a number of days."""
    expiries = listed.expiries if after is None else listed.expiries[listed.expiries.index > after]
    which = "far_" if after is not None else ""
    if expiries.empty:
        raise PricingInputError(f"No expiry is listed after {_day(after)}; choose an earlier near expiry.")
    if expiry is not None:
        if days is not None:
            raise PricingInputError(f"`{which}expiry` and `{which}days` are both given; give one of the two.")
        wanted = pd.Timestamp(expiry).tz_localize(None).normalize()
        if wanted not in expiries.index:
            nearest = min(expiries.index, key=lambda day: abs(day - wanted))
            raise PricingInputError(
                f"`{which}expiry` {_day(wanted)} is not listed; the nearest is {_day(nearest)}."
            )
        return wanted
    wanted_days = default if days is None else days
    if not (np.isfinite(wanted_days) and wanted_days >= 0):
        raise PricingInputError(f"`{which}days` is {wanted_days}; give calendar days, zero or more.")
    place = int(np.argmin(np.abs(expiries.to_numpy() - wanted_days)))
    return pd.Timestamp(expiries.index[place])


@dataclass(frozen=True, slots=True)
class _Placer:
    """Finds the strikes of a structure among those listed."""

    structure: Structure
    listed: _Listed
    terms: dict[str, pd.Timestamp]
    tolerance: float

    def legs_at(self, slot: int) -> list[LegRole]:
        return [leg for leg in self.structure.legs if leg.strike == slot]

    def candidates(self, slot: int) -> np.ndarray:
        """Strikes at which every leg of a slot is listed with a quote, ascending."""
        legs = self.legs_at(slot)
        expiry, right = self.terms[legs[0].term], _RIGHTS[legs[0].kind]
        strikes = [strike for day, side, strike in self.listed.rows if day == expiry and side == right]
        found = [k for k in strikes if all(self.listed.has(leg, self.terms[leg.term], k) for leg in legs)]
        return np.sort(np.array(found, dtype=np.float64))

    def where(self, slot: int) -> str:
        """Name a slot's legs and expiries for a message."""
        legs = self.legs_at(slot)
        kinds = " and ".join(dict.fromkeys(leg.kind for leg in legs))
        days = " and ".join(dict.fromkeys(_day(self.terms[leg.term]) for leg in legs))
        return f"{kinds} with a quote on {days}"

    def given(self, strikes: Sequence[float]) -> list[float]:
        """Check strikes that the caller chose."""
        wanted = [float(strike) for strike in require_finite(strikes=strikes)[0].reshape(-1)]
        if len(wanted) != len(self.structure.strikes) or wanted != sorted(set(wanted)):
            raise PricingInputError(
                f"`strikes` is {wanted}; a {self.structure.title.lower()} has {len(self.structure.strikes)}: "
                "give each once, ascending."
            )
        for slot, strike in enumerate(wanted):
            possible = self.candidates(slot)
            if strike not in possible:
                near = (
                    f"; the nearest is {possible[np.argmin(np.abs(possible - strike))]:g}"
                    if len(possible)
                    else ""
                )
                raise PricingInputError(f"There is no {self.where(slot)} at strike {strike:g}{near}.")
        return wanted

    def placed(self, delta: float | Mapping[str, float] | None, width: float | None) -> list[float]:
        """Place every strike by its rule."""
        rules = self.structure.strikes
        chosen: dict[int, float] = {}
        for slot, rule in enumerate(rules):
            if rule.anchor is None:
                target = rule.delta if rule.fixed else _target(delta, rule.right, rule.delta)
                chosen[slot] = self._at_money(slot) if target is None else self._by_delta(slot, target)
        chosen |= self._by_width(chosen, width)
        strikes = [chosen[slot] for slot in range(len(rules))]
        if strikes != sorted(set(strikes)):
            raise PricingInputError(
                f"The strikes of the {self.structure.title.lower()} come out as "
                f"{', '.join(f'{strike:g}' for strike in strikes)}, not ascending; choose another delta or "
                "expiry, or give `strikes`."
            )
        return strikes

    def _at_money(self, slot: int) -> float:
        possible = self.candidates(slot)
        if not len(possible):
            raise PricingInputError(f"There is no {self.where(slot)}; choose another expiry.")
        return float(possible[np.argmin(np.abs(possible - self.listed.spot))])

    def _by_delta(self, slot: int, target: float) -> float:
        right = self.structure.strikes[slot].right
        leg = next(leg for leg in self.legs_at(slot) if _RIGHTS[leg.kind] == right)
        expiry = self.terms[leg.term]
        possible = self.candidates(slot)
        deltas = np.array([abs(float(self.listed.rows[expiry, right, k].delta)) for k in possible])
        known = ~np.isnan(deltas)
        words = f"no {_WORDS[right]} near delta {target:.2f} on {_day(expiry)}"
        if not known.any():
            raise PricingInputError(f"There is {words}: none has a quote and a delta; choose another expiry.")
        gaps = np.where(known, np.abs(deltas - target), np.inf)
        place = int(np.argmin(gaps))
        if gaps[place] > self.tolerance:
            raise PricingInputError(
                f"There is {words}: the nearest is {deltas[place]:.2f}; choose another delta or expiry."
            )
        return float(possible[place])

    def _by_width(self, chosen: dict[int, float], width: float | None) -> dict[int, float]:
        rules = self.structure.strikes
        wanted = DEFAULT_WIDTH * self.listed.spot if width is None else float(width)
        distances: dict[int, dict[float, float]] = {}
        for slot, rule in enumerate(rules):
            if rule.anchor is None:
                continue
            anchor = chosen[rule.anchor]
            units = (self.candidates(slot) - anchor) / rule.widths
            strikes = self.candidates(slot)
            distances[slot] = {
                round(float(unit), 6): float(strike)
                for unit, strike in zip(units, strikes, strict=True)
                if unit > 0
            }
            if not distances[slot]:
                side = "above" if rule.widths > 0 else "below"
                raise PricingInputError(
                    f"There is no {self.where(slot)} {side} strike {anchor:g}; choose another delta or "
                    "expiry."
                )
        if not distances:
            return {}
        shared = set.intersection(*(set(found) for found in distances.values()))
        shared = {unit for unit in shared if wanted / 2 <= unit <= wanted * 2}
        found: dict[int, float] = {}
        for slot, units_of in distances.items():
            unit = _nearest(shared or set(units_of), wanted)
            if width is not None and not wanted / 2 <= unit <= wanted * 2:
                anchor = chosen[rules[slot].anchor or 0]
                raise PricingInputError(
                    f"There is no {self.where(slot)} about {wanted:g} from strike {anchor:g}: the nearest is "
                    f"{units_of[unit]:g}; choose another width."
                )
            found[slot] = units_of[unit]
        return found


def _nearest(units: set[float], wanted: float) -> float:
    return min(units, key=lambda unit: (abs(unit - wanted), unit))


def _target(delta: float | Mapping[str, float] | None, right: str, default: float | None) -> float | None:
    asked = delta.get(_WORDS[right]) if isinstance(delta, Mapping) else delta
    if isinstance(delta, Mapping) and not set(delta) <= set(_RIGHTS):
        raise PricingInputError(f"`delta` names {', '.join(map(repr, delta))}; give 'put' and 'call'.")
    if asked is None:
        return default
    if not 0 < abs(float(asked)) < 1:
        raise PricingInputError(f"`delta` is {asked:g}; give a number between 0 and 1, as in 0.16.")
    return abs(float(asked))


def _leg_row(
    leg: LegRole,
    listed: _Listed,
    terms: dict[str, pd.Timestamp],
    strikes: list[float],
    quantity: float,
    fill: Fill,
) -> dict[str, Any]:
    lots = leg.ratio * quantity
    common = {
        "role": leg.role,
        "underlying": listed.underlying,
        "spot": listed.spot,
    }
    if leg.kind == "share":
        anyone = next(iter(listed.rows.values()))
        shares = lots * float(getattr(anyone, "multiplier", 100.0))
        return common | {
            "symbol": listed.underlying, "kind": "share", "expiry": pd.NaT, "quantity": shares,
            "multiplier": 1.0, "exercise": "", "price": listed.spot, "delta": 1.0,
        }  # fmt: skip
    expiry = terms[leg.term]
    row = listed.rows[expiry, _RIGHTS[leg.kind], strikes[leg.strike]]
    middle = (row.bid + row.ask) / 2
    worst = row.ask if lots > 0 else row.bid
    return common | {
        "symbol": row.symbol, "kind": leg.kind, "expiry": expiry, "days": listed.days_to(expiry),
        "strike": row.strike, "years": row.years, "quantity": lots,
        "multiplier": float(getattr(row, "multiplier", 100.0)), "exercise": row.exercise,
        "volatility": row.implied_volatility, "rate": row.rate, "dividend_yield": row.dividend_yield,
        "price": middle if fill == "mid" else worst, "bid": row.bid, "ask": row.ask, "mid": middle,
        "delta": row.delta,
    }  # fmt: skip
