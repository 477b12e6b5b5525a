"""Where our volatility and Greeks part from the vendor's, in words with units."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray

_VOLATILITY = "vendor_implied_volatility"
# A vendor that writes 28.8 for 28.8 % has a median near a hundred times ours.
_PER_CENT = (40.0, 250.0)
_DECIMALS = range(7)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a figure may lie from the vendor's before it is said.

    A figure parts when the difference is more than `least`, more than `share` of the vendor's, and more than
    half of the last digit that the vendor writes.

    Attributes
    ----------
    column, vendor : str
        Ours and theirs.
    words : str
        The sentence's beginning.
    least, share : float
        In the figure's unit, and as a fraction.
    scale, unit, spec : float, str, str
        How the difference is written.
    other_unit, other_range : float, tuple of float
        How much larger the vendor's figure is in the other unit that vendors use, and the median ratio to
        ours that tells it.
    """

    column: str
    vendor: str
    words: str
    least: float
    share: float
    scale: float = 1.0
    unit: str = ""
    spec: str = ".3f"
    other_unit: float = 1.0
    other_range: tuple[float, float] = (np.inf, np.inf)


TOLERANCES = (
    Tolerance("implied_volatility", _VOLATILITY, "volatility", 0.01, 0.0, 100.0, " pt", ".1f"),
    Tolerance("delta", "vendor_delta", "delta", 0.02, 0.0),
    Tolerance("gamma", "vendor_gamma", "gamma", 1e-4, 0.10, 1.0, " per $", ".4f"),
    # Theta a year instead of a day, vega per 1.00 instead of a point.
    Tolerance(
        "theta_day", "vendor_theta", "theta", 0.01, 0.10, 1.0, " $ a day", ".3f", 365.0, (200.0, 600.0)
    ),
    Tolerance("vega_point", "vendor_vega", "vega", 0.01, 0.10, 1.0, " $ a point", ".3f", 100.0, _PER_CENT),
)


def in_natural_units(frame: pd.DataFrame) -> bool:
    """Put the vendor's volatility into fractions where it is in per cent, in place; say whether it was.

    28.8 beside our 0.288 can only be per cent; the whole chain decides, not a row. Zero and below, which
    vendors write where they found none, becomes missing.
    """
    ours, theirs = frame["implied_volatility"], frame[_VOLATILITY].where(frame[_VOLATILITY] > 0)
    frame[_VOLATILITY] = theirs
    if not _PER_CENT[0] <= _median_ratio(theirs.to_numpy(), ours.to_numpy()) <= _PER_CENT[1]:
        return False
    frame[_VOLATILITY] = theirs / 100
    return True


def parts_of(frame: pd.DataFrame) -> np.ndarray:
    """Return one text a row: where ours parts from the vendor's and by how much, "" where nowhere.

    "above" and "below" are ours seen from the vendor's. Where a vendor that gives volatilities has none, its
    Greeks are of nothing and are not compared.

    Parameters
    ----------
    frame : DataFrame
        Ours and the vendor's, after `in_natural_units`.
    """
    texts = np.full(len(frame), "", dtype=object)
    found = frame[_VOLATILITY].notna().to_numpy()
    compared = found if found.any() else np.ones(len(frame), dtype=bool)
    for rule in TOLERANCES:
        ours = frame[rule.column].to_numpy(dtype=np.float64)
        theirs = frame[rule.vendor].to_numpy(dtype=np.float64)
        step = _last_digit(theirs)
        if rule.other_range[0] <= _median_ratio(theirs, ours) <= rule.other_range[1]:
            theirs, step = theirs / rule.other_unit, step / rule.other_unit
        away = ours - theirs
        least = max(rule.least, step / 2)
        with np.errstate(invalid="ignore"):
            apart = compared & (np.abs(away) > least) & (np.abs(away) > rule.share * np.abs(theirs))
        for at in np.flatnonzero(apart):
            side = "above" if away[at] > 0 else "below"
            said = f"{rule.words} {abs(away[at]) * rule.scale:{rule.spec}}{rule.unit} {side}"
            texts[at] = f"{texts[at]}; {said}" if texts[at] else said
    return texts


def _median_ratio(theirs: FloatArray, ours: FloatArray) -> float:
    """Return the median of theirs by ours over the rows where both say something; NaN without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = theirs / ours
    sound = np.isfinite(ratio) & (ratio > 0)
    return float(np.median(ratio[sound])) if sound.any() else np.nan


def _last_digit(values: FloatArray) -> float:
    """Return the step in which a column is written, as 0.01 for two decimals; zero for more than six."""
    known = values[np.isfinite(values)]
    for decimals in _DECIMALS:
        if np.allclose(known, known.round(decimals), rtol=0.0, atol=1e-9):
            return 10.0**-decimals
    return 0.0
