"""The command line: parse, call, show."""

__all__: list[str] = []
