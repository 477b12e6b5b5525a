"""The style sheets of our pages, read once: each part of a page carries its own into its shadow root."""

from functools import cache
from pathlib import Path

STATIC = Path(__file__).resolve().parent / "static"


@cache
def style(*names: str) -> str:
    """Return style sheets of the static folder by name, in order.

    Examples
    --------
    >>> "--wb-ink" in style("parts")
    True
    """
    return "\n".join((STATIC / f"{name}.css").read_text(encoding="utf-8") for name in names)
