"""What can go wrong with a service, as switches of its local server."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ALWAYS = math.inf
LIES = (
    "wrong_type",  # an object where a number stood
    "zero_price",
    "negative_price",
    "renamed_field",  # the price under another name
    "missing_time",
    "time_back",  # long before what was asked
    "unasked_symbol",
)
STRANGER = "ZZZQ"  # the symbol that nobody asked for


@dataclass
class BadDays:
    """What goes wrong. Numbers of answers count down to 0; `ALWAYS` never ends."""

    slow: float = 0.0
    cut: float = 0
    cut_at_once: float = 0  # dropped before the first byte of an answer
    failing: float = 0
    failing_status: int = 503
    html: float = 0  # a gateway's page of apology
    html_status: int = 502
    not_json: float = 0  # status 200, and a body that ends in the middle
    refusal: tuple[int, Any] | None = None  # status and body of every answer
    redirect_to: str | None = None
    expired: bool = False  # the services' own servers then refuse what they had handed out
    from_page: int = 1
    next_page: str | None = None
    lie: str | None = None
    limited_until: float = 0.0
    only: Callable[[Any], bool] | None = None  # which requests have the bad day; without it, all

    def limit(self, seconds: float) -> None:
        """Answer 429 from now on for so many seconds."""
        self.limited_until = time.monotonic() + seconds

    def tell(self, lie: str) -> None:
        """Let one row of the next answer that holds rows lie."""
        if lie not in LIES:
            raise ValueError(f"{lie!r} is none of {LIES}")
        self.lie = lie
