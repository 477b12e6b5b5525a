"""The one object that every face holds."""

__all__: list[str] = []
