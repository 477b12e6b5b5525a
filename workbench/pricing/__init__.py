"""Prices, implied volatilities and Greeks of single options."""

from workbench.pricing.american import american_greeks, american_price
from workbench.pricing.bachelier import bachelier_greeks, bachelier_price
from workbench.pricing.binomial import binomial_price
from workbench.pricing.black76 import black76_greeks, black76_price
from workbench.pricing.black_scholes import black_scholes_price
from workbench.pricing.bounds import QUOTE_CODES, quote_bounds
from workbench.pricing.dividends import DividendValue, dividend_greeks, dividend_price, dividend_value
from workbench.pricing.exercise_boundary import ExerciseBoundary, exercise_boundary
from workbench.pricing.greeks import black_scholes_greeks
from workbench.pricing.implied_volatility import ImpliedVolatility, implied_volatility
from workbench.pricing.parity import implied_forwards
from workbench.pricing.payoff import Extremes, break_evens, extremes, profit_at_expiry, profit_grid, spot_grid
from workbench.pricing.payoff_curves import payoff_curves
from workbench.pricing.payoff_summary import (
    SUMMARY_UNITS,
    Capital,
    PayoffSummary,
    capital_needed,
    payoff_summary,
)
from workbench.pricing.probability import (
    expected_move,
    probability_in_the_money,
    probability_of_profit,
    probability_of_touching,
)
from workbench.pricing.structure_catalogue import STRUCTURES, Structure
from workbench.pricing.structures import build_structure, find_structure

__all__ = [
    "QUOTE_CODES",
    "STRUCTURES",
    "SUMMARY_UNITS",
    "Capital",
    "DividendValue",
    "ExerciseBoundary",
    "Extremes",
    "ImpliedVolatility",
    "PayoffSummary",
    "Structure",
    "american_greeks",
    "american_price",
    "bachelier_greeks",
    "bachelier_price",
    "binomial_price",
    "black76_greeks",
    "black76_price",
    "black_scholes_greeks",
    "black_scholes_price",
    "break_evens",
    "build_structure",
    "capital_needed",
    "dividend_greeks",
    "dividend_price",
    "dividend_value",
    "exercise_boundary",
    "expected_move",
    "extremes",
    "find_structure",
    "implied_forwards",
    "implied_volatility",
    "payoff_curves",
    "payoff_summary",
    "probability_in_the_money",
    "probability_of_profit",
    "probability_of_touching",
    "profit_at_expiry",
    "profit_grid",
    "quote_bounds",
    "spot_grid",
]
