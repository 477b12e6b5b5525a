"""The lake of series, the ledger of transactions, and their backup."""

__all__: list[str] = []
