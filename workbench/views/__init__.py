"""The dashboards: one view class for each, and `serve`, which shows a view wherever its notebook runs."""

from workbench.views.book import BookView
from workbench.views.market import MarketView
from workbench.views.options import OptionsView
from workbench.views.serving import serve

__all__ = ["BookView", "MarketView", "OptionsView", "serve"]
