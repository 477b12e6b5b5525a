"""Where market data comes from, one file a provider."""

__all__: list[str] = []
