"""The book as engines see it: one row a leg, checked once, priced many times."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.arrays import BoolArray, FloatArray, require_finite, require_non_negative, require_positive
from workbench.errors import RiskInputError
from workbench.pricing import american_price, black_scholes_price

BOOK_COLUMNS = (
    "underlying",
    "kind",
    "strike",
    "years",
    "quantity",
    "multiplier",
    "spot",
    "volatility",
    "rate",
    "dividend_yield",
)
KINDS = ("share", "call", "put")
EXERCISES = ("european", "american")


@dataclass(frozen=True, slots=True)
class Legs:
    """The legs of a book as arrays, one element a leg.

    Attributes
    ----------
    names : ndarray of str
        What to call each leg in a message: its symbol, or its row.
    underlying : ndarray of str
        Ticker that moves the leg.
    is_option, is_call, is_priced : ndarray of bool
        A leg is priced when no input of its value is missing.
    is_american : ndarray of bool
        Options that may be exercised at any time; the other options are European.
    strike, years, spot, volatility, rate, dividend_yield : ndarray
        Natural units; missing values are NaN.
    size : ndarray
        Quantity times multiplier.
    """

    names: np.ndarray
    underlying: np.ndarray
    is_option: BoolArray
    is_call: BoolArray
    is_priced: BoolArray
    is_american: BoolArray
    strike: FloatArray
    years: FloatArray
    spot: FloatArray
    volatility: FloatArray
    rate: FloatArray
    dividend_yield: FloatArray
    size: FloatArray

    def __len__(self) -> int:
        """Return the number of legs."""
        return len(self.size)

    @property
    def exercised_early(self) -> BoolArray:
        """American options that it may pay to exercise before expiry; all others are worth their European.

        A call gains the yield and a put the rate by it, and each gives the other of the two away.
        """
        gained = np.where(self.is_call, self.dividend_yield, self.rate)
        given = np.where(self.is_call, self.rate, self.dividend_yield)
        return self.is_american & ~((gained <= 0) & (given >= 0))

    def unit_values(
        self,
        spot: FloatArray | None = None,
        volatility: FloatArray | None = None,
        years: FloatArray | None = None,
    ) -> FloatArray:
        """Price one unit of each leg, at other inputs where they are given.

        Parameters
        ----------
        spot, volatility, years : ndarray, optional
            Broadcastable to (..., legs), in natural units.

        Returns
        -------
        ndarray, shape (..., legs)
            Price per share: the spot of a share, the Black-Scholes-Merton value of a European option, and
            of an American one the value with early exercise. NaN where an input is missing.
        """
        spot = self.spot if spot is None else spot
        volatility = self.volatility if volatility is None else volatility
        years = self.years if years is None else years
        shape = np.broadcast_shapes(spot.shape, volatility.shape, years.shape, self.size.shape)
        values = np.broadcast_to(spot, shape).copy()
        early = self.exercised_early
        for legs, price in ((self.is_option & ~early, black_scholes_price), (early, american_price)):
            if not legs.any():
                continue
            # The leg comes first: moves of one leg's spot follow one another and share its exercise boundary.
            moved = (
                np.moveaxis(np.broadcast_to(array, shape)[..., legs], -1, 0)
                for array in (spot, years, volatility)
            )
            terms = (self.strike, self.rate, self.dividend_yield, self.is_call)
            column = (-1, *(1,) * (len(shape) - 1))
            strike, rate, dividend_yield, is_call = (array[legs].reshape(column) for array in terms)
            spots, times, volatilities = moved
            found = price(
                spots, strike, times, volatilities, rate=rate, dividend_yield=dividend_yield, is_call=is_call
            )
            values[..., legs] = np.moveaxis(found, 0, -1)
        return values

    def select(self, keep: BoolArray) -> "Legs":
        """Return only the legs where `keep` is true."""
        return Legs(**{name: getattr(self, name)[keep] for name in self.__slots__})


def legs_of(book: pd.DataFrame, error: type[Exception] = RiskInputError) -> Legs:
    """Check a book and return its legs as arrays.

    Parameters
    ----------
    book : DataFrame
        Columns underlying, kind (share, call, put), strike, years, quantity (signed), multiplier, spot,
        volatility, rate, dividend_yield; `symbol` names the legs. ``exercise`` (european, american) says
        by which model an option is valued; where the column or its value is missing or empty, the option is
        European. Others are ignored.
    error : exception class
        Raised with the column, the row and the remedy.

    Returns
    -------
    Legs

    Raises
    ------
    RiskInputError
        If a column is missing, a kind or an exercise is unknown, a quantity, multiplier or underlying is
        missing, or a number is infinite or of an impossible sign.
    """
    absent = [name for name in BOOK_COLUMNS if name not in book.columns]
    if absent:
        raise error(f"The book has no column `{'`, `'.join(absent)}`; give {', '.join(BOOK_COLUMNS)}.")
    kind = book["kind"].to_numpy(dtype=object)
    odd = ~np.isin(kind.astype(str), KINDS)
    if odd.any():
        row = int(np.argmax(odd))
        raise error(f"`kind` is {kind[row]!r} in row {row} of the book; give share, call or put.")
    nameless = book["underlying"].isna().to_numpy()
    if nameless.any():
        raise error(
            f"`underlying` is missing in row {int(np.argmax(nameless))} of the book; give its ticker."
        )
    option = kind != "share"
    american = option & (_exercise(book, option, error) == "american")
    numbers = {name: book[name] for name in BOOK_COLUMNS[2:]}
    spot, strike = require_positive(
        error, spot=numbers["spot"], strike=pd.Series(numbers["strike"]).where(option)
    )
    years, volatility = require_non_negative(
        error, years=numbers["years"].where(option), volatility=numbers["volatility"].where(option)
    )
    quantity, multiplier, rate, dividend_yield = require_finite(
        error, **{name: numbers[name] for name in ("quantity", "multiplier", "rate", "dividend_yield")}
    )
    for name, array in (("quantity", quantity), ("multiplier", multiplier)):
        if np.isnan(array).any():
            row = int(np.argmax(np.isnan(array)))
            raise error(f"`{name}` is missing in row {row} of the book; give it or leave the row out.")
    whole = ~np.isnan(strike + years + volatility + rate + dividend_yield)
    names = book["symbol"] if "symbol" in book.columns else "row " + pd.Series(range(len(book))).astype(str)
    return Legs(
        names=names.to_numpy(dtype=object),
        underlying=book["underlying"].to_numpy(dtype=object),
        is_option=option,
        is_call=kind == "call",
        is_priced=~np.isnan(spot) & (whole | ~option),
        is_american=american,
        strike=strike,
        years=years,
        spot=spot,
        volatility=volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        size=quantity * multiplier,
    )


def _exercise(book: pd.DataFrame, option: BoolArray, error: type[Exception]) -> np.ndarray:
    """Return the exercise of each leg as the book states it, European where it says nothing."""
    if "exercise" not in book.columns:
        return np.full(len(book), "european", dtype=object)
    stated = book["exercise"].astype(object)
    named = stated.where(stated.notna() & stated.ne(""), "european").to_numpy(dtype=object)
    odd = option & ~np.isin(named.astype(str), EXERCISES)
    if odd.any():
        row = int(np.argmax(odd))
        raise error(f"`exercise` is {named[row]!r} in row {row} of the book; give european or american.")
    return named
