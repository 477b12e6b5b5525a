"""Where alerts are delivered, one file a channel."""

from workbench.channels.base import Channel, message_key
from workbench.channels.file import FileChannel
from workbench.channels.inbox import InboxChannel

__all__ = ["Channel", "FileChannel", "InboxChannel", "message_key"]
