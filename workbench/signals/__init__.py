"""Indicators of bars and the conditions between them."""

__all__: list[str] = []
