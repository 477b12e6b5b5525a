"""The lake of series, the ledger of transactions, and their backup."""

from workbench.store.backup import Manifest, content_hashes, export_desk, restore_desk
from workbench.store.coverage import FetchedRange
from workbench.store.feeds import FeedRun
from workbench.store.frame_cache import CacheUse, FrameCache
from workbench.store.lake import Lake
from workbench.store.ledger import Ledger
from workbench.store.outbox import OutboxMessage
from workbench.store.tables import TABLES, TableSpec

__all__ = [
    "TABLES",
    "CacheUse",
    "FeedRun",
    "FetchedRange",
    "FrameCache",
    "Lake",
    "Ledger",
    "Manifest",
    "OutboxMessage",
    "TableSpec",
    "content_hashes",
    "export_desk",
    "restore_desk",
]
