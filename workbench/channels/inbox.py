"""Alerts in the desk's own inbox."""

from collections.abc import Callable, Mapping
from typing import Any

from workbench.channels.base import message_key
from workbench.errors import ChannelError, WorkbenchError


class InboxChannel:
    """Hands each message to the desk's inbox, which keeps one of each key.

    Parameters
    ----------
    put : callable
        Takes key and payload and keeps them durably; a known key changes nothing.
    """

    name = "inbox"

    def __init__(self, put: Callable[[str, dict[str, Any]], object]) -> None:
        self._put = put

    def deliver(self, message: Mapping[str, Any]) -> None:
        """Put the message into the inbox.

        Raises
        ------
        ChannelError
            If the inbox cannot take it; the outbox tries again.
        """
        key = message_key(message)
        try:
            self._put(key, dict(message))
        except ChannelError:
            raise
        except (OSError, WorkbenchError) as error:
            raise ChannelError(f"The inbox could not take the alert {key!r}: {error}") from error
