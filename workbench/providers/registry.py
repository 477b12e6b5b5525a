"""The providers by the names that the command line and ``Desk.ingest`` know."""

from os import PathLike

from workbench.errors import UnknownProviderError
from workbench.providers.base import Provider, nearest_names
from workbench.providers.files import FilesProvider
from workbench.providers.sample import SampleProvider

PROVIDER_NAMES = ("sample", "files")


def open_provider(name: str, *, folder: str | PathLike[str]) -> Provider:
    """Return the provider of a name.

    Parameters
    ----------
    name : {"sample", "files"}
        Real prices that ship with a package, or the user's own files.
    folder : path-like
        Where the user's files lie.

    Raises
    ------
    UnknownProviderError
        If no provider has that name.
    """
    if name == "sample":
        return SampleProvider()
    if name == "files":
        return FilesProvider(folder)
    near = nearest_names(name, PROVIDER_NAMES) or PROVIDER_NAMES
    raise UnknownProviderError(f"No provider is named {name!r}; the nearest: {', '.join(near)}.")
