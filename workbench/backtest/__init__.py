"""From signals to trades, an equity curve and the result document."""

__all__: list[str] = []
