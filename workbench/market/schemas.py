"""The columns of the desk's frames, and the rules that a row must keep to be loaded.

Rules are vectorised over the whole frame; only rows that break one are described one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import DataFormatError
from workbench.market.instruments import symbol_complaint

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a frame: its name, type and meaning.

    `dtype` is "text", "float", "instant" (UTC), "day" (naive midnight), "flag" (bool), "whole" (int) or
    "decimal".
    """

    name: str
    dtype: str
    meaning: str
    required: bool = True


BARS = (
    Column("symbol", "text", "Ticker, or OCC symbol of an option."),
    Column("time", "instant", "Opening edge of the bar; a daily bar's session date at 00:00 UTC."),
    Column("open", "float", "First price of the bar, raw."),
    Column("high", "float", "Highest price of the bar, raw."),
    Column("low", "float", "Lowest price of the bar, raw."),
    Column("close", "float", "Last price of the bar, raw."),
    Column("volume", "float", "Shares or contracts traded; missing where the source has none.", False),
)

OPTION_QUOTES = (
    Column("symbol", "text", "OCC symbol of 21 characters."),
    Column("underlying", "text", "Ticker of what the option is on."),
    Column("time", "instant", "Instant of the quote."),
    Column("expiry", "day", "Expiration date of the symbol."),
    Column("strike", "float", "Strike, currency per share."),
    Column("right", "text", "C or P."),
    Column("bid", "float", "Best bid per share; missing where nobody bid.", False),
    Column("ask", "float", "Best ask per share; missing where nobody offered.", False),
    Column("last", "float", "Last trade per share.", False),
    Column("bid_size", "float", "Contracts bid for.", False),
    Column("ask_size", "float", "Contracts offered.", False),
    Column("volume", "float", "Contracts traded in the session.", False),
    Column("open_interest", "float", "Contracts open; missing is not zero.", False),
    Column("underlying_price", "float", "Price of the underlying at the quote.", False),
    Column("vendor_implied_volatility", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_delta", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_gamma", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_theta", "float", "The vendor's own, in the vendor's unit.", False),
    Column("vendor_vega", "float", "The vendor's own, in the vendor's unit.", False),
    Column("exercise", "text", "american or european."),
    Column("multiplier", "float", "Shares behind one contract."),
    Column("modelled", "flag", "True where a model made the quote."),
    Column("flag", "text", "What to mind: crossed (bid above ask), no_price; else empty.", False),
)

FILLS = (
    Column("fill_id", "text", "Identity of the fill; the same one is loaded once."),
    Column("account", "text", "Account it belongs to."),
    Column("time", "instant", "Instant of the trade."),
    Column("symbol", "text", "Ticker, or OCC symbol of an option."),
    Column("quantity", "decimal", "Shares or contracts, signed: bought is positive."),
    Column("price", "decimal", "Price per share; an option's too."),
    Column("fees", "decimal", "All costs of the fill, positive when paid."),
    Column("currency", "text", "Currency of price and fees."),
    Column("strategy", "text", "Tag of the strategy; may be empty."),
)

PRICE_COLUMNS = ("open", "high", "low", "close")
VENDOR_COLUMNS = tuple(column.name for column in OPTION_QUOTES if column.name.startswith("vendor_"))

# Vendors round and adjust in floating point; a high that misses the close by this much is no error.
_ROUNDING = 1e-8
_REASONS_ARE_LISTED_UP_TO = 6
# No market has such amounts in any currency; past them a figure is a slip or a unit gone wrong, and one
# such row would drown every other in a sum.
_LARGEST = {"price": 1e9, "quantity": 1e12, "volume": 1e15}
_SMALLEST_QUANTITY = 1e-9


class Checked(NamedTuple):
    """Rows that keep the rules, and the rest with line, reason and text."""

    good: pd.DataFrame
    bad: pd.DataFrame


def names(columns: Sequence[Column]) -> list[str]:
    """Return the names of a frame's columns, in order."""
    return [column.name for column in columns]


def frame_schema(columns: Sequence[Column]) -> "DataFrameSchema":
    """Return the pandera schema of a frame, for a border where frames of other people arrive.

    Parameters
    ----------
    columns : sequence of Column
        `BARS`, `OPTION_QUOTES` or `FILLS`.
    """
    import pandera.pandas as pa

    checks = {
        "text": pa.Check(lambda values: values.map(lambda value: isinstance(value, str) or pd.isna(value))),
        "float": pa.Check(lambda values: values.dtype == np.float64),
        "flag": pa.Check(lambda values: values.dtype == np.bool_),
        "instant": pa.Check(lambda values: str(getattr(values.dtype, "tz", "")) == "UTC"),
        "day": pa.Check(lambda values: values.dtype.kind == "M"),
        "decimal": pa.Check(lambda values: values.map(lambda value: isinstance(value, Decimal))),
    }
    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                checks=checks[column.dtype], nullable=not column.required, description=column.meaning
            )
            for column in columns
        },
        strict=False,
    )


def quarantined_rows(rows: Sequence[tuple[int, str, str, str]] = ()) -> pd.DataFrame:
    """Return the frame of rows that could not be loaded.

    Parameters
    ----------
    rows : sequence of tuple
        Line, symbol (empty where it cannot be told), reason and text of each row.
    """
    lines, symbols, reasons, texts = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "line": pd.array(lines, dtype="int64"),
            "symbol": pd.array(symbols, dtype="str"),
            "reason": pd.array(reasons, dtype="str"),
            "text": pd.array(texts, dtype="str"),
        }
    )


def check_bars(frame: pd.DataFrame) -> Checked:
    """Split bars into rows that keep the rules and rows for quarantine.

    A row needs a symbol, a time and four finite, positive prices, the highest in `high` and the lowest
    in `low`; its volume is missing, zero or more. Of rows with one symbol and time the last is kept.

    Parameters
    ----------
    frame : DataFrame
        Columns of `BARS`; also `line` where the rows come from a file.

    Returns
    -------
    Checked
        `good` in the columns of `BARS` (and `line` if it was there), `bad` with line (or the row counted
        from 1), symbol, reason and text.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    _require_columns(frame, BARS)
    rules = _Rules(frame)
    rules.missing("symbol", "time", *PRICE_COLUMNS)
    rules.unless_a_symbol()
    for name in PRICE_COLUMNS:
        rules.unless_positive(name)
    rules.unless_within("price", *PRICE_COLUMNS)
    rules.unless_within("volume", "volume")
    high, low = rules.values("high"), rules.values("low")
    # An infinite price is refused above; here its difference to itself has no value, which is no finding.
    with np.errstate(invalid="ignore"):
        for name in ("open", "close", "low"):
            other = rules.values(name)
            rules.refuse(high < other - _ROUNDING * np.abs(other), _below("high", name))
        for name in ("open", "close"):
            other = rules.values(name)
            rules.refuse(low > other + _ROUNDING * np.abs(other), _above("low", name))
    rules.unless_zero_or_more("volume")
    rules.repeated(["symbol", "time"])
    return rules.split(BARS)


def check_option_quotes(frame: pd.DataFrame, *, zone: str = "America/New_York") -> Checked:
    """Split option quotes into rows that keep the rules and rows for quarantine.

    Missing bids, asks, sizes and open interest are facts and stay missing. A bid above the ask, or a row
    without any price, is kept and says so in `flag`.

    Parameters
    ----------
    frame : DataFrame
        Columns of `OPTION_QUOTES`; also `line` where the rows come from a file.
    zone : str
        Time zone in which the expiration date ends.

    Returns
    -------
    Checked
        As `check_bars` returns.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    _require_columns(frame, OPTION_QUOTES)
    rules = _Rules(frame)
    rules.missing("underlying", "time", "expiry", "right", "strike")
    rules.unless_positive("strike")
    complete = ~rules.refused
    rules.refuse(
        complete & _absent(frame["symbol"]),
        lambda row: f"strike {row.strike:g} of {row.underlying} does not fit an OCC symbol",
    )
    for name in ("bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest"):
        rules.unless_zero_or_more(name)
    rules.unless_within("price", "strike", "bid", "ask", "last", "underlying_price")
    rules.unless_positive("underlying_price")
    rules.unless_positive("multiplier")
    day = frame["time"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    rules.refuse(
        np.asarray(frame["expiry"] < day),
        lambda row: f"expired on {row.expiry:%Y-%m-%d}, before the quote of {row.time:%Y-%m-%d %H:%M} UTC",
    )
    rules.repeated(["symbol", "time"])
    flagged = frame.assign(flag=pd.array(_quote_flags(frame), dtype="str"))
    return rules.split(OPTION_QUOTES, flagged)


def check_fills(frame: pd.DataFrame) -> Checked:
    """Split fills into rows that keep the rules and rows for quarantine.

    Parameters
    ----------
    frame : DataFrame
        Columns of `FILLS`, amounts as Decimal; also `line` where the rows come from a file.

    Returns
    -------
    Checked
        As `check_bars` returns.

    Raises
    ------
    DataFormatError
        If a column is missing or of another type.
    """
    _require_columns(frame, FILLS)
    rules = _Rules(frame)
    rules.missing("fill_id", "account", "time", "symbol", "quantity", "price", "fees", "currency")
    rules.unless_a_symbol()
    nothing = np.abs(rules.values("quantity")) < _SMALLEST_QUANTITY
    rules.refuse(nothing, lambda row: f"`quantity` is {row.quantity:g}; a fill buys or sells something")
    rules.unless_zero_or_more("price")
    rules.unless_within("quantity", "quantity", "fees")
    rules.unless_within("price", "price")
    rules.repeated(["fill_id"])
    return rules.split(FILLS)


class _Rules:
    """The rows of one frame that break rules, with the reasons."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._broken: list[tuple[Mask, Callable[[Any], str]]] = []
        self.refused: Mask = np.zeros(len(frame), dtype=bool)

    def values(self, name: str) -> npt.NDArray[np.float64]:
        return self._frame[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def refuse(self, mask: Mask, reason: Callable[[Any], str]) -> None:
        """Add a rule; comparisons with NaN are false, so a missing value breaks only its own rule."""
        self._broken.append((mask, reason))
        self.refused |= mask

    def missing(self, *columns: str) -> None:
        for name in columns:
            self.refuse(_absent(self._frame[name]), _missing(name))

    def unless_positive(self, name: str) -> None:
        values = self.values(name)
        self.refuse(
            (values <= 0) | np.isinf(values),
            lambda row: f"`{name}` is {getattr(row, name):g}; it must be positive",
        )

    def unless_zero_or_more(self, name: str) -> None:
        values = self.values(name)
        self.refuse(
            (values < 0) | np.isinf(values),
            lambda row: f"`{name}` is {getattr(row, name):g}; it must be zero or more",
        )

    def unless_within(self, kind: str, *columns: str) -> None:
        limit = _LARGEST[kind]
        for name in columns:
            self.refuse(np.abs(self.values(name)) > limit, _beyond(name, limit))

    def unless_a_symbol(self) -> None:
        symbols = self._frame["symbol"]
        complaints = {name: symbol_complaint(str(name)) for name in symbols.dropna().unique()}
        wrong = {name for name, complaint in complaints.items() if complaint}
        if wrong:
            self.refuse(
                np.asarray(symbols.isin(wrong), dtype=bool), lambda row: f"`symbol` {complaints[row.symbol]}"
            )

    def repeated(self, key: list[str]) -> None:
        """Refuse all but the last of the sound rows that share a key."""
        sound = self._frame.loc[~self.refused, key]
        repeated = np.zeros(len(self._frame), dtype=bool)
        repeated[~self.refused] = sound.duplicated(keep="last").to_numpy()
        fields = ", ".join(f"`{name}`" for name in key)
        self.refuse(repeated, lambda row: f"a later row has the same {fields}, and is the one kept")

    def split(self, columns: Sequence[Column], frame: pd.DataFrame | None = None) -> Checked:
        frame = self._frame if frame is None else frame
        kept = names(columns) + (["line"] if "line" in frame else [])
        good = frame.loc[~self.refused, kept].reset_index(drop=True)
        positions = np.flatnonzero(self.refused)
        return Checked(good, quarantined_rows(self._described(positions, columns)))

    def _described(
        self, positions: npt.NDArray[np.intp], columns: Sequence[Column]
    ) -> list[tuple[int, str, str, str]]:
        broken = self._frame.iloc[positions]
        rows: list[Any] = list(broken.itertuples(index=False))
        reasons: list[list[str]] = [[] for _ in rows]
        for mask, reason in self._broken:
            for place in np.flatnonzero(mask[positions]):
                reasons[place].append(reason(rows[place]))
        lines = broken["line"].to_numpy() if "line" in broken else positions + 1
        given = [column.name for column in columns if column.name in broken]
        return [
            (
                int(line),
                "" if pd.isna(row.symbol) else str(row.symbol),
                "; ".join(reason[:_REASONS_ARE_LISTED_UP_TO]),
                ", ".join(f"{name}={getattr(row, name)}" for name in given),
            )
            for line, row, reason in zip(lines, rows, reasons, strict=True)
        ]


def _quote_flags(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    bid, ask, last = (frame[name].to_numpy(dtype=np.float64) for name in ("bid", "ask", "last"))
    no_price = np.isnan(bid) & np.isnan(ask) & np.isnan(last)
    flags = np.full(len(frame), None, dtype=object)
    flags[no_price] = "no_price"
    flags[bid > ask] = "crossed"
    return flags


def _absent(values: "pd.Series[Any]") -> Mask:
    absent = np.asarray(values.isna(), dtype=bool)
    if pd.api.types.is_string_dtype(values.dtype):
        absent = absent | np.asarray(values.fillna("").astype(str).str.strip() == "", dtype=bool)
    return absent


def _missing(name: str) -> Callable[[Any], str]:
    return lambda row: f"`{name}` is missing"


def _beyond(name: str, limit: float) -> Callable[[Any], str]:
    return lambda row: f"`{name}` is {getattr(row, name):g}; more than {limit:g} is no amount of a market"


def _below(name: str, other: str) -> Callable[[Any], str]:
    return lambda row: f"`{name}` {getattr(row, name):g} is below `{other}` {getattr(row, other):g}"


def _above(name: str, other: str) -> Callable[[Any], str]:
    return lambda row: f"`{name}` {getattr(row, name):g} is above `{other}` {getattr(row, other):g}"


def _require_columns(frame: pd.DataFrame, columns: Sequence[Column]) -> None:
    absent = [name for name in names(columns) if name not in frame]
    if absent:
        raise DataFormatError(
            f"The frame has no column `{'`, `'.join(absent)}`; it has {', '.join(map(str, frame.columns))}."
        )
    for column in columns:
        dtype = frame[column.name].dtype
        if column.dtype == "float" and dtype.kind not in "fiu":
            raise DataFormatError(f"Column `{column.name}` is of type {dtype}; give numbers.")
        if column.dtype == "instant" and getattr(dtype, "tz", None) is None:
            raise DataFormatError(f"Column `{column.name}` is of type {dtype}; give times with a time zone.")
        if column.dtype == "day" and dtype.kind != "M":
            raise DataFormatError(f"Column `{column.name}` is of type {dtype}; give dates (datetime64).")
