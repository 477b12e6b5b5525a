"""Realised volatility and modelled option chains."""

__all__: list[str] = []
