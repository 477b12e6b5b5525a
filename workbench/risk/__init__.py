"""Scenarios, value at risk and expected shortfall of a book."""

__all__: list[str] = []
