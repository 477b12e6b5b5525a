"""The pages of the reports, as Jinja templates; every value is escaped unless it is our own drawing."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def template(name: str) -> "Template":
    """Return a template of this folder by its file name."""
    return _environment().get_template(name)


@cache
def _environment() -> "Environment":
    # Importing Jinja costs 0.1 s, which only a face that renders should pay.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
