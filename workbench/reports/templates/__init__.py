"""The pages of the reports, as Jinja templates; every value is escaped unless it is our own drawing."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup


def template(name: str) -> "Template":
    """Return a template of this folder by its file name."""
    return _environment().get_template(name)


@cache
def _environment() -> "Environment":
    # Importing Jinja costs 0.1 s, which only a face that renders should pay.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css_text"] = css_text
    return environment


def css_text(text: str) -> "Markup":
    """Return text for a CSS string in a style element: every character but plain ones as its number."""
    from markupsafe import Markup

    kept = (c if c.isascii() and (c.isalnum() or c in " ,:-.") else f"\\{ord(c):06x}" for c in text)
    return Markup("".join(kept))  # noqa: S704 - nothing that could end the string or the element is left
