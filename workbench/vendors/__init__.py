"""One file a service: address, sign-in, limits, paging and symbols, shared by its provider and its broker."""

from workbench.vendors.base import Credential, Keys, Vendor, require_keys

__all__ = ["Credential", "Keys", "Vendor", "require_keys"]
