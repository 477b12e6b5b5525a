"""Prices, implied volatilities and Greeks of single options."""

__all__: list[str] = []
