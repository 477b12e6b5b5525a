"""When listed options settle: at the open or at the close of their last session, told by their root."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.market.calendars import is_session
from workbench.market.expirations import third_friday

Settlement = Literal["AM", "PM"]

# Standard monthly contracts of these roots settle at an opening value; they stop trading the session before.
_MORNING_ROOTS = frozenset({"SPX", "NDX", "RUT", "DJX", "RUI", "RLG", "RLV"})
# Of these every contract does: Wednesdays, thirty days before a monthly expiry of SPX.
_ALWAYS_MORNING_ROOTS = frozenset({"VIX", "VIXW"})
# Where a table names the index alone, its contracts of other days than the monthly one have this root.
_WEEKLY_ROOTS = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW"}


def settlement_of(root: str, expiry: Any, calendar: str = "XNYS") -> Settlement:
    """Return whether a contract settles at the open ("AM") or at the close ("PM") of its last session.

    Monthly contracts of SPX, NDX, RUT, DJX and the Russell 1000 family, and all of VIX, settle at the open;
    weekly and month-end index contracts (SPXW, NDXP, RUTW), XSP, OEX, XEO, shares and funds at the close.

    Parameters
    ----------
    root : str
        The OCC root, as in ``SPX``.
    expiry : date
        Expiration date of the symbol.
    calendar : str
        A name of exchange_calendars; tells when a third Friday was a holiday.

    References
    ----------
    Cboe and Nasdaq PHLX, contract specifications of their index options.

    Examples
    --------
    >>> settlement_of("SPX", "2021-09-17"), settlement_of("SPXW", "2021-09-17")
    ('AM', 'PM')
    """
    if root in _ALWAYS_MORNING_ROOTS:
        return "AM"
    if root in _MORNING_ROOTS and is_monthly_expiry(expiry, calendar):
        return "AM"
    return "PM"


def settlements_of(roots: npt.ArrayLike, expiries: Any, calendar: str = "XNYS") -> npt.NDArray[np.str_]:
    """Return `settlement_of` of many contracts; each pair of root and expiry is looked at once.

    Parameters
    ----------
    roots, expiries : array_like, 1-D of one length
        Roots as text and expiration dates.
    calendar : str
        A name of exchange_calendars.
    """
    pairs = pd.MultiIndex.from_arrays([np.asarray(roots, dtype=object), pd.DatetimeIndex(expiries)])
    codes, distinct = pd.factorize(pairs)
    found = np.array([settlement_of(root, expiry, calendar) for root, expiry in distinct], dtype="<U2")
    return found[codes] if len(codes) else found


def is_monthly_expiry(expiry: Any, calendar: str = "XNYS") -> bool:
    """Say whether a date is the monthly expiry: the third Friday, or what stands in for it.

    The Saturday after it until February 2015; the Thursday before where the Friday is a holiday.
    """
    day = pd.Timestamp(expiry)
    friday = pd.Timestamp(third_friday(day.year, day.month))
    if day in (friday, friday + pd.Timedelta(days=1)):
        return True
    return day == friday - pd.Timedelta(days=1) and not is_session(calendar, friday)


def root_of_index(underlying: str, expiry: Any, calendar: str = "XNYS") -> str:
    """Return the root of a contract of which a table says only the index and the expiry.

    A monthly date alone does not tell SPX from SPXW; the standard contract, SPX, is meant then.

    Examples
    --------
    >>> root_of_index("SPX", "2021-09-17"), root_of_index("SPX", "2021-09-22")
    ('SPX', 'SPXW')
    """
    weekly = _WEEKLY_ROOTS.get(underlying)
    if weekly is None or pd.isna(expiry) or is_monthly_expiry(expiry, calendar):
        return underlying
    return weekly
