"""Where market data comes from, one file a provider."""

from workbench.providers.base import Provider, nearest_names
from workbench.providers.files import (
    FilesProvider,
    parse_bars,
    parse_chain,
    parse_fills,
    parse_series,
    read_bars_file,
    read_chain_file,
    read_fills_file,
    read_series_file,
)
from workbench.providers.modelled import ModelledChainProvider
from workbench.providers.parsed import ParsedFile
from workbench.providers.registry import (
    PROVIDER_NAMES,
    SERVICE_NAMES,
    Access,
    open_client,
    open_provider,
    vendor_of,
)
from workbench.providers.sample import SampleProvider
from workbench.providers.series_file import SERIES_KINDS

__all__ = [
    "PROVIDER_NAMES",
    "SERIES_KINDS",
    "SERVICE_NAMES",
    "Access",
    "FilesProvider",
    "ModelledChainProvider",
    "ParsedFile",
    "Provider",
    "SampleProvider",
    "nearest_names",
    "open_client",
    "open_provider",
    "parse_bars",
    "parse_chain",
    "parse_fills",
    "parse_series",
    "read_bars_file",
    "read_chain_file",
    "read_fills_file",
    "read_series_file",
    "vendor_of",
]
