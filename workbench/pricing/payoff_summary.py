"""A position of several legs in a dozen figures: what it costs, makes, loses, needs and how it moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.errors import PricingInputError
from workbench.pricing.greeks import black_scholes_greeks
from workbench.pricing.payoff import DAYS_PER_YEAR, break_evens, extremes
from workbench.pricing.payoff_legs import Model, PayoffLegs, read_legs
from workbench.pricing.probability import Density, probability_of_profit, volatility_at_spot

CapitalConvention = Literal["auto", "worst_loss", "reg_t"]
_GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho")

# What each figure of a summary is measured in.
SUMMARY_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "net_cash": "money, credit above zero",
        "net_cash_mid": "money, credit above zero",
        "net_cash_worst": "money, credit above zero",
        "max_profit": "money",
        "max_loss": "money",
        "capital": "money",
        "return_on_capital": "fraction",
        "chance_of_profit": "fraction",
        "value": "money",
        "profit_now": "money",
        "delta": "shares",
        "gamma": "shares per 1.00 of price",
        "vega_point": "money per volatility point",
        "theta_day": "money per calendar day",
        "rho_point": "money per 1 % of rate",
    }
)


@dataclass(frozen=True, slots=True)
class Capital:
    """Money that a position ties up, and by what rule.

    Attributes
    ----------
    amount : float
        Money, zero or more; infinite where nothing bounds the loss and the worst loss was asked for.
    convention : str
        ``worst_loss`` or ``reg_t``.
    is_estimate : bool
        True where a broker's rule is imitated; the broker's own figure decides.
    note : str
        The rule in a sentence.
    """

    amount: float
    convention: str
    is_estimate: bool
    note: str


@dataclass(frozen=True, slots=True)
class PayoffSummary:
    """The figures of a position; `SUMMARY_UNITS` has the unit of each, `table` shows both.

    Attributes
    ----------
    underlying, spot : str, float
        What it is on, and the price now.
    expiry, horizon_days : Timestamp or None, float
        The first expiry, to which profits belong; NaN days without options.
    modelled : bool
        Legs outlive the first expiry: break-evens and extremes come from a model.
    net_cash, net_cash_mid, net_cash_worst : float
        Money that opening brings (above zero) or costs, at the prices in the frame, at mid, and buying at
        the ask and selling at the bid; NaN where a quote is missing. A share without quotes trades at its
        price in the frame.
    max_profit, max_loss, max_profit_at, max_loss_at
        As in `Extremes`.
    break_evens : tuple of float
        Spots without profit or loss at the first expiry, both ends of flat stretches among them.
    capital : float
        Money tied up, by `capital_convention`; `capital_is_estimate` marks an imitation of a broker's rule.
    return_on_capital : float
        `max_profit` by `capital`; NaN where either is no finite number above zero.
    chance_of_profit, chance_basis : float, str
        Probability of money made at the first expiry, and the law it was computed under.
    value, profit_now : float
        Model value of all legs now, and its distance from what was paid.
    delta, gamma, vega_point, theta_day, rho_point : float
        Of the whole position, in the units of `SUMMARY_UNITS`; NaN where a leg misses an input.
    """

    underlying: str
    spot: float
    expiry: "pd.Timestamp | None"
    horizon_days: float
    modelled: bool
    net_cash: float
    net_cash_mid: float
    net_cash_worst: float
    max_profit: float
    max_loss: float
    max_profit_at: tuple[tuple[float, float], ...]
    max_loss_at: tuple[tuple[float, float], ...]
    break_evens: tuple[float, ...]
    capital: float
    capital_convention: str
    capital_is_estimate: bool
    capital_note: str
    return_on_capital: float
    chance_of_profit: float
    chance_basis: str
    value: float
    profit_now: float
    delta: float
    gamma: float
    vega_point: float
    theta_day: float
    rho_point: float

    def table(self) -> pd.DataFrame:
        """Return the figures as rows: figure, value, unit; break-evens are figures of their own."""
        rows = [(name, getattr(self, name), unit) for name, unit in SUMMARY_UNITS.items()]
        rows += [
            (f"break_even_{place}", spot, "price of the underlying")
            for place, spot in enumerate(self.break_evens, start=1)
        ]
        return pd.DataFrame(rows, columns=["figure", "value", "unit"])


def capital_needed(legs: pd.DataFrame, *, convention: CapitalConvention = "auto") -> Capital:
    """Compute the money that a position ties up.

    Parameters
    ----------
    legs : DataFrame
        As `read_legs` takes it.
    convention : {"auto", "worst_loss", "reg_t"}
        ``worst_loss``: the most that can be lost at the first expiry, and no less than what opening costs:
        the width less the credit of a spread, the strike less the credit of a put sold (cash-secured), the
        outlay for shares; infinite for calls sold uncovered.
        ``reg_t``: an estimate after the minimum margin of FINRA rule 4210: calls and puts apart, each long
        covering a short of no later expiry, with the loss in between as requirement; each short left over
        asks for 20 % of spot less what it is out of the money, at least 10 % of spot (call) or strike
        (put), its premium being kept aside for its own value; the larger side counts, and to it what was
        paid for longs less what covered shorts brought in. Shares held count at their price and cover
        calls; shares sold ask for half of their value. ``auto``: the worst loss where it is finite, else
        ``reg_t``.

    Returns
    -------
    Capital

    Raises
    ------
    PricingInputError
        If the legs cannot be read or the convention is unknown.

    References
    ----------
    FINRA Rule 4210(f)(2), Margin Requirements: options; Cboe, Margin Manual (2000).
    """
    if convention not in {"auto", "worst_loss", "reg_t"}:
        raise PricingInputError(f"`convention` is {convention!r}; give 'auto', 'worst_loss' or 'reg_t'.")
    read = read_legs(legs)
    worst = -np.inf if _is_uncovered(read) else extremes(legs).max_loss
    if convention == "worst_loss" or (convention == "auto" and np.isfinite(worst)):
        note = "the most that can be lost at the first expiry, and no less than opening costs"
        if np.isinf(worst):
            note = "calls sold without cover can lose without bound"
        return Capital(max(0.0, -worst, read.cost), "worst_loss", False, note)
    return Capital(
        _reg_t(read), "reg_t", True, "estimate after FINRA 4210; a broker's own requirement may be higher"
    )


def payoff_summary(
    legs: pd.DataFrame,
    *,
    volatility: float | None = None,
    density: Density | tuple[ArrayLike, ArrayLike] | None = None,
    capital: CapitalConvention = "auto",
    model: Model = "by_exercise",
) -> PayoffSummary:
    """Compute the figures of a position.

    Parameters
    ----------
    legs : DataFrame
        As `read_legs` takes it; bid and ask give the cash at mid and at the worst fill.
    volatility, density
        The law of the chance of profit, as in `probability_of_profit`.
    capital : str
        As `convention` in `capital_needed`.
    model : {"by_exercise", "black_scholes", "american"}
        How options are valued before their expiry: each by its `exercise`, or all by one model.

    Returns
    -------
    PayoffSummary

    Raises
    ------
    PricingInputError
        If the legs cannot be read, or a leg that outlives the first expiry misses an input of its model.
    """
    read = read_legs(legs)
    ends = extremes(legs, model=model)
    zeros = break_evens(legs, model=model)
    needed = capital_needed(legs, convention=capital)
    spread = np.where(read.size > 0, read.ask, read.bid)
    middle = (read.bid + read.ask) / 2
    greeks = _greeks(read, model)
    value = greeks["price"]
    sigma = volatility_at_spot(read) if volatility is None else volatility
    basis = "the density given" if density is not None else f"lognormal at {sigma:.1%} volatility"
    if not read.is_option.any():
        basis = "none: no options"
    elif density is None and np.isnan(sigma):
        basis = "none: no volatility"
    points = np.unique(zeros[["spot", "to_spot"]].to_numpy())
    return PayoffSummary(
        underlying=read.underlying,
        spot=read.spot,
        expiry=read.expiry,
        horizon_days=read.horizon * DAYS_PER_YEAR,
        modelled=read.modelled,
        net_cash=0.0 - read.cost,
        net_cash_mid=_cash(read, middle),
        net_cash_worst=_cash(read, spread),
        max_profit=ends.max_profit,
        max_loss=ends.max_loss,
        max_profit_at=ends.max_profit_at,
        max_loss_at=ends.max_loss_at,
        break_evens=tuple(float(spot) for spot in points),
        capital=needed.amount,
        capital_convention=needed.convention,
        capital_is_estimate=needed.is_estimate,
        capital_note=needed.note,
        return_on_capital=_ratio(ends.max_profit, needed.amount),
        chance_of_profit=probability_of_profit(legs, volatility=volatility, density=density, model=model),
        chance_basis=basis,
        value=value,
        profit_now=value - read.cost,
        delta=greeks["delta"],
        gamma=greeks["gamma"],
        vega_point=greeks["vega"] / 100,
        theta_day=greeks["theta"] / DAYS_PER_YEAR,
        rho_point=greeks["rho"] / 100,
    )


def _cash(read: PayoffLegs, prices: np.ndarray) -> float:
    shares = ~read.is_option & np.isnan(prices)
    return 0.0 - float(read.size @ np.where(shares, read.price, prices))


def _ratio(profit: float, capital: float) -> float:
    return profit / capital if np.isfinite(profit) and 0 < capital < np.inf else float("nan")


def _greeks(read: PayoffLegs, model: Model) -> dict[str, float]:
    """Sum price and Greeks over the legs, in natural units; NaN where a leg misses an input."""
    shares = float(read.size[~read.is_option].sum())
    total = dict.fromkeys(_GREEKS, 0.0) | {"price": shares * read.spot, "delta": shares}
    early = np.array([read.is_option[leg] and read.is_early(leg, model) for leg in range(len(read))])
    for legs, has_early in ((early, True), (read.is_option & ~early, False)):
        if not legs.any():
            continue
        compute: Callable[..., dict[str, FloatArray]] = black_scholes_greeks
        if has_early:
            from workbench.pricing.american import american_greeks

            compute = american_greeks
        greeks = compute(
            read.spot,
            read.strike[legs],
            read.years[legs],
            read.volatility[legs],
            rate=read.rate[legs],
            dividend_yield=read.dividend_yield[legs],
            is_call=read.is_call[legs],
            greeks=_GREEKS,
        )
        for name in _GREEKS:
            total[name] += float(read.size[legs] @ greeks[name])
    return total


def _is_uncovered(read: PayoffLegs) -> bool:
    """Whether more calls are sold than calls and shares are held, whatever their expiries."""
    slope = float(read.size[~read.is_option | read.is_call].sum())
    return slope < -1e-9 * float(np.abs(read.size).sum())


def _reg_t(read: PayoffLegs) -> float:
    """Estimate the cash that the exchange minimum ties up, after what the sale of options brought in."""
    shares = float(read.size[~read.is_option].sum())
    held, sold = max(shares, 0.0), max(-shares, 0.0)
    # Shares held cover calls sold, shares sold cover puts sold.
    sides = [_side(read, is_call=True, cover=held), _side(read, is_call=False, cover=sold)]
    longs = read.is_option & (read.size > 0)
    paid = float(read.size[longs] @ read.price[longs]) - sum(side[1] for side in sides)
    # The premium of a short without cover is offset by the option's own value in its requirement.
    cost_of_shares = float(read.size[~read.is_option] @ read.price[~read.is_option]) if held else 0.0
    return max(max(side[0] for side in sides) + paid + cost_of_shares + 0.5 * sold * read.spot, 0.0)


def _side(read: PayoffLegs, *, is_call: bool, cover: float) -> tuple[float, float]:
    """Return what the calls or the puts ask for, and the premium that their covered shorts brought in."""
    chosen = np.flatnonzero(read.is_option & (read.is_call == is_call))
    order = chosen[np.argsort(read.strike[chosen] if is_call else -read.strike[chosen], kind="stable")]
    longs = {int(leg): float(read.size[leg]) for leg in order if read.size[leg] > 0}
    needed = premium = 0.0
    for short in (int(leg) for leg in order if read.size[leg] < 0):
        left = -float(read.size[short])
        strike = float(read.strike[short])
        covered = min(cover, left)
        cover -= covered
        for long in [leg for leg in longs if read.years[leg] >= read.years[short] - 1e-6]:
            taken = min(left - covered, longs[long])
            width = float(read.strike[long]) - strike
            needed += taken * max(width if is_call else -width, 0.0)
            longs[long] -= taken
            covered += taken
        premium += covered * float(read.price[short])
        out = max(strike - read.spot if is_call else read.spot - strike, 0.0)
        least = 0.1 * (read.spot if is_call else strike)
        needed += (left - covered) * max(0.2 * read.spot - out, least)
    return needed, premium
