"""What every channel promises, and how a message is told from another."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from workbench.errors import ChannelError


@runtime_checkable
class Channel(Protocol):
    """A place to which alerts are delivered.

    The outbox delivers at least once: it may hand in a message again whose delivery it could not
    note. A channel makes that harmless by keeping one copy of each key.
    """

    name: str

    def deliver(self, message: Mapping[str, Any]) -> None:
        """Deliver one message; on return it is delivered for good.

        Raises
        ------
        ChannelError
            If it could not be delivered; the outbox tries again.
        """
        ...


def message_key(message: Mapping[str, Any]) -> str:
    """Return what identifies a message: its `key`, else the `fact_key` of its alert.

    Raises
    ------
    ChannelError
        If it has neither.
    """
    for field in ("key", "fact_key"):
        key = message.get(field)
        if isinstance(key, str) and key:
            return key
    raise ChannelError("The message has neither `key` nor `fact_key`; give it one to tell copies apart.")
