"""What stands beside the pointer: ink on surface, labels left and exact values right, in light and dark."""

from collections.abc import Sequence
from html import escape
from typing import Any, Literal

# Fallbacks serve notebooks, where no page brings the tokens.
_FRAME = (
    ".bk-Tooltip { background: var(--wb-surface, #fff) !important; color: var(--wb-ink, #17212b) !important; "
    "border: 1px solid var(--wb-line-strong, #7c8896) !important; padding: 4px 8px !important; "
    "border-radius: 3px; opacity: 1 !important; }"
)
_TEXT = (
    "font:11px/16px -apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',Arial,sans-serif;"
    "font-variant-numeric:tabular-nums;white-space:pre"
)


def add_hover(
    plot: Any,
    renderer: Any,
    rows: Sequence[tuple[str, str]],
    *,
    mode: Literal["mouse", "vline", "hline"] = "vline",
) -> None:
    """Show rows of label and value beside the pointer, while it is over a renderer of the figure.

    Parameters
    ----------
    plot : bokeh.plotting.figure
        Whose picture it is.
    renderer : bokeh.models.GlyphRenderer
        What is pointed at.
    rows : sequence of (label, value)
        A label with its unit, and fields of the glyph's data, as in ``"@close_words"``; a row without label
        is a heading.
    mode : {"vline", "mouse", "hline"}
        ``vline`` finds the nearest of a curve wherever the pointer is above or below it.
    """
    from bokeh.models import HoverTool

    plot.stylesheets = [*plot.stylesheets, _FRAME]
    plot.add_tools(
        HoverTool(
            renderers=[renderer],
            mode=mode,
            tooltips=hover_html(rows),
            point_policy="follow_mouse",
            show_arrow=False,
        )
    )


def hover_html(rows: Sequence[tuple[str, str]]) -> str:
    """Return the rows as the HTML template of a Bokeh hover."""
    cells = "".join(
        f'<div style="grid-column:1/3;font-weight:600">{value}</div>'
        if not label
        else f'<div style="color:var(--wb-ink2,#455261)">{escape(label)}</div>'
        f'<div style="text-align:right">{value}</div>'
        for label, value in rows
    )
    return f'<div style="display:grid;grid-template-columns:auto auto;gap:0 12px;{_TEXT}">{cells}</div>'
