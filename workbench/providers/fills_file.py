"""Fills from a user's table, as a broker exports them: exact amounts, one identity each."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.market.instruments import is_option_symbol, occ_symbols, parse_occ_symbol
from workbench.market.schemas import check_fills
from workbench.providers.columns import FILL_NAMES
from workbench.providers.contracts import each_distinct, read_rights, root_of
from workbench.providers.parsed import ParsedFile, RowReader
from workbench.providers.tables import RawTable

_BOUGHT = frozenset(
    {"buy", "b", "bot", "bought", "bto", "btc", "buytoopen", "buytoclose", "buytocover", "long"}
)
_SOLD = frozenset(
    {"sell", "s", "sld", "sold", "sto", "stc", "selltoopen", "selltoclose", "sellshort", "ss", "short"}
)
# What makes two fills the same when their file gives them no identity. Fees and tags may be corrected later.
_IDENTITY = ("account", "time", "symbol", "quantity", "price", "currency")


def fills_from_table(
    table: RawTable,
    *,
    columns: Mapping[str, str] | None = None,
    time_zone: str | None = None,
    calendar: str = "XNYS",
    account: str = "main",
    currency: str = "USD",
) -> ParsedFile:
    """Translate a table into fills; `files.read_fills_file` says what is understood."""
    reader = RowReader(
        table,
        FILL_NAMES,
        columns,
        required=["time", "symbol", "quantity", "price"],
        numbers=["quantity", "price", "fees", "strike"],
    )
    frame = pd.DataFrame(
        {
            "account": _or(reader.texts("account"), account),
            "time": reader.instants("time", time_zone=time_zone, calendar=calendar),
            "symbol": _symbols(reader),
            "quantity": _signed_quantities(reader),
            "price": reader.decimals("price"),
            "fees": _or(reader.decimals("fees"), Decimal(0)),
            "currency": _or(reader.texts("currency"), currency),
            "strategy": _or(reader.texts("strategy"), ""),
        }
    )
    given = reader.texts("fill_id")
    frame.insert(0, "fill_id", np.where(pd.notna(given), given, fill_identities(frame)))
    text = ("fill_id", "account", "symbol", "currency", "strategy")
    return reader.finish("fills", frame.astype(dict.fromkeys(text, "str")), check_fills)


def fill_identities(fills: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Make identities for fills that come without, so that loading a file twice loads each fill once.

    Fills that agree in account, time, symbol, quantity, price and currency are told apart by counting them
    in the order of the file. Identities therefore repeat as long as a file only grows at its end.

    Parameters
    ----------
    fills : DataFrame
        Columns account, time, symbol, quantity, price, currency.

    Returns
    -------
    ndarray of object
        Texts such as ``made-5f3c9a0e41b2c7d8-1``.
    """
    seen: Counter[str] = Counter()
    made = []
    for row in fills[list(_IDENTITY)].itertuples(index=False, name=None):
        content = "|".join(_canonical(value) for value in row)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        seen[digest] += 1
        made.append(f"made-{digest}-{seen[digest]}")
    return np.array(made, dtype=object)


def _canonical(value: object) -> str:
    """Write a value the same way however the file did: 1.50 as 1.5, every instant in UTC."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, pd.Timestamp) else str(value)


def _signed_quantities(reader: RowReader) -> npt.NDArray[np.object_]:
    """Return quantities with the sign of the side, where the file has sides."""
    quantities = reader.decimals("quantity")
    if "side" not in reader:
        return quantities
    given = reader.texts("side")
    signs = each_distinct(given, _sign_of_side)
    reader.refuse(np.asarray(pd.isna(signs)), lambda at: f"`side` is {given[at]!r}; buy or sell was expected")
    negative = np.array([value is not None and value < 0 for value in quantities], dtype=bool)
    reader.refuse(
        negative & np.asarray(signs == 1),
        lambda at: f"`side` is {given[at]!r} but `quantity` is {quantities[at]}; give one sign",
    )
    known = pd.notna(signs) & pd.notna(quantities)
    signed = quantities.copy()
    signed[known] = [abs(value) * sign for value, sign in zip(quantities[known], signs[known], strict=True)]
    return signed


def _sign_of_side(text: str) -> int | None:
    word = "".join(sign for sign in text.lower() if sign.isalpha())
    return 1 if word in _BOUGHT else -1 if word in _SOLD else None


def _symbols(reader: RowReader) -> npt.NDArray[np.object_]:
    """Return tickers and OCC symbols; options may also be told by expiry, strike and right."""
    given = reader.texts("symbol")
    symbols = each_distinct(
        given, lambda text: parse_occ_symbol(text).occ_symbol if is_option_symbol(text) else text
    )
    if not all(name in reader for name in ("expiry", "strike", "right")):
        return symbols
    rights, strikes = read_rights(reader), reader.numbers("strike")
    expiries = reader.times("expiry", only_days=True).values.tz_localize(None)
    ticker = reader.texts("underlying")
    roots = root_of(np.where(pd.notna(ticker), ticker, given).astype(object))
    built = occ_symbols(roots, expiries, rights, strikes)
    # Rows of shares leave the terms empty; a symbol that is an option already needs none.
    told = np.array([text is not None and is_option_symbol(text) for text in symbols], dtype=bool)
    terms = pd.notna(rights).astype(int) + np.isfinite(strikes) + np.asarray(expiries.notna())
    reader.refuse(
        ~told & (terms > 0) & pd.isna(built),
        lambda at: (
            "has some of expiry, strike and right, but not all three in a form that fits an OCC symbol"
        ),
    )
    return np.where(~told & pd.notna(built), built, symbols).astype(object)


def _or(values: npt.NDArray[np.object_], otherwise: object) -> npt.NDArray[np.object_]:
    filled = values.copy()
    filled[pd.isna(values)] = otherwise
    return filled
