"""Instruments, calendars, schemas and the arithmetic of bars: the vocabulary of the field."""

__all__: list[str] = []
