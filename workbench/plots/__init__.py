"""Pictures of the trade: frames in, Bokeh figures out."""

__all__: list[str] = []
