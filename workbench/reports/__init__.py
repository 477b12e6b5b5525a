"""Notebooks run on schedule, and the documents they publish."""

__all__: list[str] = []
