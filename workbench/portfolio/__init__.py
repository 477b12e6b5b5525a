"""Positions from fills, their profit and loss, and their exposure."""

__all__: list[str] = []
