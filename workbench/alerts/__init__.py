"""Alert rules, their evaluation, and the messages they make."""

__all__: list[str] = []
