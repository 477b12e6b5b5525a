"""Prices, implied volatilities and Greeks of single options."""

from workbench.pricing.black_scholes import black_scholes_price
from workbench.pricing.greeks import black_scholes_greeks
from workbench.pricing.implied_volatility import ImpliedVolatility, implied_volatility

__all__ = ["ImpliedVolatility", "black_scholes_greeks", "black_scholes_price", "implied_volatility"]
