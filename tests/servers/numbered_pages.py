"""Pages that are asked for by number: a service without tokens or addresses of next pages."""

from collections.abc import Sequence
from typing import Any

from tests.servers.base import LocalServer, Request


def numbered_page(
    server: LocalServer, request: Request, rows: Sequence[Any], index: int, size: int
) -> list[Any]:
    """Return the rows of a page, the first being 0; on a bad day pages repeat or go round in a circle."""
    request.page = index + 1
    last = (len(rows) - 1) // size
    if server.bad.next_page == "repeat" and index >= 2:
        index -= 1
    elif server.bad.next_page == "loop" and index > last:
        index = 1
    return list(rows[index * size : (index + 1) * size])
