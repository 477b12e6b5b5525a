"""The lake of series, the ledger of transactions, and their backup."""

from workbench.store.lake import Lake
from workbench.store.tables import TABLES, TableSpec

__all__ = ["TABLES", "Lake", "TableSpec"]
