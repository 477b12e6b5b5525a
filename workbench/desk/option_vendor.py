"""Where our volatility and Greeks part from the vendor's, in words with units."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# A vendor that writes 28.8 for 28.8 % has a median near a hundred times ours.
_PER_CENT = (40.0, 250.0)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a figure may lie from the vendor's before it is said.

    A figure parts when the difference is more than `least` and more than `share` of the vendor's.

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
    """

    column: str
    vendor: str
    words: str
    least: float
    share: float
    scale: float = 1.0
    unit: str = ""
    spec: str = ".2f"


TOLERANCES = (
    Tolerance(
        "implied_volatility", "vendor_implied_volatility", "volatility", 0.01, 0.0, 100.0, " pt", ".1f"
    ),
    Tolerance("delta", "vendor_delta", "delta", 0.02, 0.0),
    Tolerance("gamma", "vendor_gamma", "gamma", 1e-4, 0.10, 1.0, " per $", ".4f"),
    Tolerance("theta_day", "vendor_theta", "theta", 0.01, 0.10, 1.0, " $ a day", ".3f"),
    Tolerance("vega_point", "vendor_vega", "vega", 0.01, 0.10, 1.0, " $ a point", ".3f"),
)


def in_natural_units(frame: pd.DataFrame) -> bool:
    """Put the vendor's volatility into fractions where it is in per cent, in place; say whether it was.

    28.8 beside our 0.288 can only be per cent; the whole chain decides, not a row.
    """
    ours, theirs = frame["implied_volatility"], frame["vendor_implied_volatility"]
    both = (ours > 0) & (theirs > 0)
    if not both.any():
        return False
    ratio = float((theirs[both] / ours[both]).median())
    if not _PER_CENT[0] <= ratio <= _PER_CENT[1]:
        return False
    frame["vendor_implied_volatility"] = theirs / 100
    return True


def parts_of(frame: pd.DataFrame) -> np.ndarray:
    """Return one text a row: where ours parts from the vendor's and by how much, "" where nowhere.

    "above" and "below" are ours seen from the vendor's.
    """
    texts = np.full(len(frame), "", dtype=object)
    for rule in TOLERANCES:
        ours = frame[rule.column].to_numpy(dtype=np.float64)
        theirs = frame[rule.vendor].to_numpy(dtype=np.float64)
        away = ours - theirs
        with np.errstate(invalid="ignore"):
            apart = (np.abs(away) > rule.least) & (np.abs(away) > rule.share * np.abs(theirs))
        for at in np.flatnonzero(apart):
            side = "above" if away[at] > 0 else "below"
            said = f"{rule.words} {abs(away[at]) * rule.scale:{rule.spec}}{rule.unit} {side}"
            texts[at] = f"{texts[at]}; {said}" if texts[at] else said
    return texts
