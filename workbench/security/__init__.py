"""Redaction, tokens and passwords."""

__all__: list[str] = []
