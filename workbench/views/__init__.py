"""Dashboards as Panel viewers, and how they are served."""

__all__: list[str] = []
