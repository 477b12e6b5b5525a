"""Doors, assets and report files behind Voila and JupyterLab."""

__all__: list[str] = []
