"""From fills to positions: lots, what they cost, and what closing them made."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.arrays import require_finite
from workbench.errors import ArgumentError
from workbench.market.instruments import is_option_symbol, parse_occ_symbol

Method = Literal["fifo", "average"]

POSITION_COLUMNS = (
    "multiplier",
    "quantity",
    "average_cost",
    "cost",
    "realized_pnl",
    "dividends",
    "fees",
    "cash",
    "first_time",
    "last_time",
    "open_since",
    "expired",
    "unadjusted",
)

# When the last US equity session of a day is over; an option still held after it on its last day has expired.
_CLOSE = pd.Timedelta(hours=16)


@dataclass(slots=True)
class Lots:
    """The open lots of one instrument in one account, the oldest first; all long or all short.

    Attributes
    ----------
    method : {"fifo", "average"}
        Which lot a closing trade takes: the oldest, or a share of all at their average price.
    quantity : float
        Sum of the lots, signed.
    """

    method: Method = "fifo"
    quantity: float = 0.0
    _lots: deque[list[float]] = field(default_factory=deque)

    def trade(self, quantity: float, price: float) -> float:
        """Add a trade and return what it realised, before fees and multiplier.

        Parameters
        ----------
        quantity : float
            Signed: bought is positive.
        price : float
            Per share or unit.

        Returns
        -------
        float
            Price differences times the quantities closed; 0 for a trade that only opens.
        """
        # The binary tail of a sum of decimals is no position; a satoshi is 1e-8.
        dust = 1e-9 + 1e-14 * abs(quantity)
        realized, left = 0.0, quantity
        while self._lots and left * self._lots[0][0] < 0:
            lot = self._lots[0]
            closed = min(abs(left), abs(lot[0]))
            side = 1.0 if lot[0] > 0 else -1.0
            realized += side * closed * (price - lot[1])
            lot[0] -= side * closed
            left += side * closed
            if abs(lot[0]) <= dust:
                self._lots.popleft()
        if abs(left) > dust:
            self._open(left, price)
        self.quantity = self.quantity + quantity if self._lots else 0.0
        return realized

    def _open(self, quantity: float, price: float) -> None:
        if self.method == "average" and self._lots:
            lot = self._lots[0]
            total = lot[0] + quantity
            lot[1] = (lot[0] * lot[1] + quantity * price) / total
            lot[0] = total
        else:
            self._lots.append([quantity, price])

    def split(self, ratio: float) -> None:
        """Turn each share into `ratio` shares; what the lots cost in all stays the same."""
        for lot in self._lots:
            lot[0] *= ratio
            lot[1] /= ratio
        self.quantity *= ratio

    @property
    def cost(self) -> float:
        """Sum of quantity times price over the lots, signed as the position is."""
        return sum(quantity * price for quantity, price in self._lots)


def positions_from_fills(
    fills: pd.DataFrame,
    *,
    method: Method = "fifo",
    actions: pd.DataFrame | None = None,
    until: pd.Timestamp | None = None,
    by: Sequence[str] = ("account",),
    zone: str = "America/New_York",
) -> pd.DataFrame:
    """Build positions from fills, with their cost and what closing made.

    Parameters
    ----------
    fills : DataFrame
        Columns time (with time zone), symbol, quantity (signed), price and, where there are any, fees,
        account, currency, strategy and multiplier. Fills of one instant count in the order given.
    method : {"fifo", "average"}
        Which lots a closing trade takes.
    actions : DataFrame, optional
        Columns symbol, ex_date, kind ("split" or "dividend"), value: new shares per old one, or cash per
        share. They count before the fills of their ex-date, a split before a dividend of the same day.
    until : Timestamp, optional
        With time zone; later fills and actions are left out. Without it everything given counts.
    by : sequence of str
        Columns of `fills` that keep positions apart, beside the symbol (and the currency where given).
    zone : str
        Where the exchange is: a fill belongs to its date there, a fill at 00:00 UTC to its date as written.

    Returns
    -------
    DataFrame, one row a position in the order of its keys, closed ones with quantity zero
        The columns of `by`, symbol and currency (where given), multiplier (100 for an option unless given),
        quantity, average_cost (per share; missing without a quantity), cost (quantity x average_cost x
        multiplier), realized_pnl (before fees), dividends (received; a short pays), fees, cash (all money in
        and out), first_time, last_time (of its fills), open_since (time of the fill since which it has been
        neither flat nor turned around; missing when closed), expired (still held after 16:00 of the last
        day; waits for settlement) and unadjusted (an option held across a split of its underlying, not
        adjusted here).

    Raises
    ------
    ArgumentError
        If a column or number is missing, a time has no zone, or an action cannot be read.
    """
    if method not in {"fifo", "average"}:
        raise ArgumentError(f"`method` is {method!r}; give 'fifo' or 'average'.")
    if until is not None and pd.Timestamp(until).tzinfo is None:
        raise ArgumentError(f"`until` is {until} without a time zone; give an aware time, as in UTC.")
    rows = _checked_fills(fills, by, zone)
    keys = [*by, "symbol"] + (["currency"] if "currency" in fills.columns else [])
    if until is not None:
        rows = rows[rows["time"] <= until]
    if rows.empty:
        return _empty(keys)
    events = _events_by_symbol(actions, until, zone)
    # Once for all: a big book has thousands of positions of a few fills each.
    rows = rows.sort_values(["day", "time"], kind="stable")
    records = []
    for key, group in rows.groupby(keys, sort=True, dropna=False):
        name = str(group["symbol"].iloc[0])
        records.append((*key, *_position(name, group, events, method, until, zone)))
    positions = pd.DataFrame.from_records(records, columns=[*keys, *POSITION_COLUMNS])
    # Where all are closed nothing says that the missing times have a zone.
    positions["open_since"] = pd.to_datetime(positions["open_since"], utc=True)
    return positions


def _position(
    symbol: str,
    fills: pd.DataFrame,
    events: dict[str, list[tuple[pd.Timestamp, str, float]]],
    method: Method,
    until: pd.Timestamp | None,
    zone: str,
) -> tuple[Any, ...]:
    """Run one instrument's fills and actions in time; the order of the tuple is POSITION_COLUMNS.

    The fills come in their order.
    """
    days, times = fills["day"].tolist(), fills["time"].tolist()
    quantities, prices = fills["quantity"].tolist(), fills["price"].tolist()
    multiplier = float(fills["multiplier"].iloc[0])
    lots = Lots(method)
    realized = dividends = 0.0
    opened = -1
    waiting = deque(events.get(symbol, ()))

    def take_actions(day: pd.Timestamp | None) -> float:
        paid = 0.0
        while waiting and (day is None or waiting[0][0] <= day):
            _, kind, value = waiting.popleft()
            if kind == "split":
                lots.split(value)
            else:
                paid += lots.quantity * value * multiplier
        return paid

    for row, (day, quantity, price) in enumerate(zip(days, quantities, prices, strict=True)):
        if waiting:
            dividends += take_actions(day)
        before = lots.quantity
        realized += lots.trade(quantity, price) * multiplier
        if before * lots.quantity <= 0:
            opened = row
    dividends += take_actions(None)

    fees = float(fills["fees"].to_numpy().sum())
    traded = float(np.multiply(quantities, prices).sum()) * multiplier
    cost = lots.cost * multiplier
    average = lots.cost / lots.quantity if lots.quantity else np.nan
    expired = unadjusted = False
    if lots.quantity and is_option_symbol(symbol):
        contract = parse_occ_symbol(symbol)
        over = pd.Timestamp(contract.expiry).tz_localize(zone) + _CLOSE
        expired = until is not None and until >= over
        splits = [day for day, kind, _ in events.get(contract.underlying, ()) if kind == "split"]
        unadjusted = any(days[opened] < day for day in splits)
    return (
        multiplier, lots.quantity, average, cost, realized, dividends, fees, dividends - traded - fees,
        min(times), max(times), times[opened] if lots.quantity else pd.NaT,
        expired, unadjusted,
    )  # fmt: skip


def _checked_fills(fills: pd.DataFrame, by: Sequence[str], zone: str) -> pd.DataFrame:
    absent = [n for n in ("time", "symbol", "quantity", "price") if n not in fills.columns]
    absent += [n for n in by if n not in fills.columns and n != "account"]
    if absent:
        raise ArgumentError(f"The fills have no column `{'`, `'.join(absent)}`; add it, see schemas.FILLS.")
    if getattr(fills["time"].dtype, "tz", None) is None and len(fills):
        raise ArgumentError("The fills' `time` has no time zone; give aware times, as in UTC.")
    rows = pd.DataFrame(index=fills.index)
    for name in {*by, "symbol"} | ({"currency"} & set(fills.columns)):
        rows[name] = fills[name] if name in fills.columns else "main"
    given = {name: fills[name] for name in ("quantity", "price")}
    given["fees"] = fills["fees"] if "fees" in fills.columns else pd.Series(0.0, index=fills.index)
    numbers = require_finite(ArgumentError, **given)
    for name, array in zip(given, numbers, strict=True):
        if np.isnan(array).any():
            row = int(np.argmax(np.isnan(array)))
            raise ArgumentError(f"`{name}` is missing in row {row} of the fills; give it or drop the row.")
        rows[name] = array
    rows["time"] = fills["time"]
    rows["day"] = _trade_days(fills["time"], zone)
    options = {name: is_option_symbol(str(name)) for name in fills["symbol"].unique()}
    usual = fills["symbol"].map(options).map({True: 100.0, False: 1.0}).astype("float64")
    rows["multiplier"] = usual
    if "multiplier" in fills.columns:
        rows["multiplier"] = fills["multiplier"].astype("float64").fillna(usual)
    return rows


def _trade_days(times: "pd.Series[Any]", zone: str) -> NDArray[np.datetime64]:
    """Return the exchange's date of each fill; midnight UTC is a date that never had a time."""
    if not len(times):
        return np.array([], dtype="datetime64[ns]")
    utc = times.dt.tz_convert("UTC").dt.tz_localize(None)
    local = times.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    days: NDArray[np.datetime64] = utc.where(utc == utc.dt.normalize(), local).to_numpy()
    return days


def _events_by_symbol(
    actions: pd.DataFrame | None, until: pd.Timestamp | None, zone: str
) -> dict[str, list[tuple[pd.Timestamp, str, float]]]:
    """Return each symbol's actions in the order in which they count."""
    if actions is None or actions.empty:
        return {}
    absent = [n for n in ("symbol", "ex_date", "kind", "value") if n not in actions.columns]
    if absent:
        raise ArgumentError(f"The actions have no column `{'`, `'.join(absent)}`; add it.")
    kinds = actions["kind"]
    odd = ~kinds.isin(["split", "dividend"])
    if odd.any():
        raise ArgumentError(
            f"`kind` is {kinds[odd].iloc[0]!r} in row {int(np.argmax(odd))} of the actions; "
            "give 'split' or 'dividend'."
        )
    (values,) = require_finite(ArgumentError, value=actions["value"])
    wrong = ~(values > 0)
    if wrong.any():
        raise ArgumentError(
            f"`value` is {values[wrong][0]:g} in row {int(np.argmax(wrong))} of the actions; "
            "give a number above zero."
        )
    table = pd.DataFrame(
        {
            "symbol": actions["symbol"].astype(str).to_numpy(),
            "day": pd.to_datetime(actions["ex_date"]).to_numpy(),
            "rank": np.where(kinds == "split", 0, 1),
            "kind": kinds.to_numpy(),
            "value": values,
        }
    )
    if until is not None:
        table = table[table["day"] <= pd.Timestamp(until).tz_convert(zone).tz_localize(None)]
    table = table.sort_values(["day", "rank"], kind="stable")
    return {
        str(symbol): list(zip(rows["day"], rows["kind"], rows["value"], strict=True))
        for symbol, rows in table.groupby("symbol")
    }


def _empty(keys: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(columns=[*keys, *POSITION_COLUMNS])
    numbers = dict.fromkeys(POSITION_COLUMNS[:8], "float64")
    times = dict.fromkeys(("first_time", "last_time", "open_since"), "datetime64[ns, UTC]")
    return frame.astype({**numbers, **times, "expired": "bool", "unadjusted": "bool"})
