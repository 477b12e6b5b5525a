"""Where alerts are delivered, one file a channel."""

__all__: list[str] = []
