"""The steps that make the ledger's tables, run by `workbench.store.schema`."""
