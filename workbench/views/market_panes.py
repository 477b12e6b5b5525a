"""The plain parts that every card of the market page is laid out with."""

from typing import Any

import panel as pn

from workbench.views.styles import style


def html_pane(text: str) -> Any:
    """Return a pane of HTML in the style of the market page."""
    return pn.pane.HTML(
        text, stylesheets=[style("parts", "options", "market")], sizing_mode="stretch_width", margin=0
    )


def box(name: str, *objects: Any) -> Any:
    """Return a column that `layout.css` and `market_layout.css` know by the class `name`."""
    return pn.Column(
        *objects,
        css_classes=[name],
        stylesheets=[style("layout", "options_layout", "market_layout")],
        sizing_mode="stretch_width",
        margin=0,
    )


def card(*objects: Any) -> Any:
    """Return a column with the frame of a card."""
    return box("wb-card", *objects)
