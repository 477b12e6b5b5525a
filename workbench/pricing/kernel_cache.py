"""Compiled code on disk, filed under what it was made from, so that old code is never run."""

import hashlib
import types
from pathlib import Path
from typing import Any

import numba.extending
import numpy as np
from numba.core import caching
from numba.core.dispatcher import Dispatcher

# Parts of numba that carry no types of their own.
_caching: Any = caching
_Intrinsic: Any = vars(numba.extending)["_Intrinsic"]

# Their own versions stand in numba's key, or change nothing that is compiled in.
_LIBRARIES = frozenset({"llvmlite", "numba", "numpy"})
_PACKAGE = __name__.split(".", maxsplit=1)[0]


def fingerprint(function: Any) -> str:
    """Digest all code and constants that a compiled function is made from.

    Numba's own cache looks at the file of the function alone: a constant or a function imported from
    another file may change, and it goes on running the old one. Here the walk follows every name that the
    function uses, through the functions behind those names, to the numbers at the end.

    Parameters
    ----------
    function : function or compiled function

    Returns
    -------
    str
        Hexadecimal, the same in every process that has the same code.
    """
    digest = hashlib.sha256()
    seen: set[int] = set()

    def add(text: object) -> None:
        digest.update(repr(text).encode())
        digest.update(b"\0")

    def add_code(code: types.CodeType, names: dict[str, Any]) -> None:
        digest.update(code.co_code)
        add((code.co_name, code.co_varnames, code.co_freevars, code.co_names))
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                add_code(constant, names)
            else:
                add(constant)
        for name in code.co_names:
            if name in names:
                add(name)
                add_value(names[name])

    def add_function(function: types.FunctionType) -> None:
        if (function.__module__ or "").split(".", maxsplit=1)[0] in _LIBRARIES:
            add((function.__module__, function.__qualname__))
        elif id(function) not in seen:
            seen.add(id(function))
            add_code(function.__code__, function.__globals__)
            for cell in function.__closure__ or ():
                add_value(cell.cell_contents)

    def add_value(value: Any) -> None:
        if isinstance(value, Dispatcher):
            add(sorted(value.targetoptions.items()))
            value = value.py_func
        elif isinstance(value, _Intrinsic):
            value = value._defn
        if isinstance(value, types.FunctionType):
            add_function(value)
        elif isinstance(value, types.ModuleType):
            add(value.__name__)
            if value.__name__.split(".", maxsplit=1)[0] == _PACKAGE and value.__file__:
                digest.update(Path(value.__file__).read_bytes())
        elif isinstance(value, np.ndarray):
            add((value.dtype.str, value.shape))
            digest.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, (tuple, list)):
            add(len(value))
            for item in value:
                add_value(item)
        elif isinstance(value, (bool, int, float, complex, str, bytes, type(None), np.generic)):
            add(value)
        else:  # a class or an object of a library: its name, since its repr may hold an address
            kind = type(value)
            add((kind.__module__, kind.__qualname__, getattr(value, "__qualname__", "")))

    add_value(function)
    return digest.hexdigest()


class KernelCache(_caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache on disk, one set of files for each fingerprint.

    The fingerprint is part of the file's name, so processes that run different versions of the code
    never meet in one file. It is taken at the first call, when every name that the code uses exists.
    A file that cannot be read or written costs a compilation, never an error.
    """

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        super().__init__(function)
        self._function = function
        self._options = options
        self._is_filed = False

    def _file(self) -> None:
        if not self._is_filed:
            made_from = fingerprint(self._function) + repr(sorted(self._options.items()))
            stamp = hashlib.sha256(made_from.encode()).hexdigest()
            name = f"{self._impl.filename_base}-{stamp[:20]}"
            self._cache_file = _caching.IndexDataCacheFile(self._cache_path, name, stamp)
            self._is_filed = True

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code of a signature, or None where there is none that can be used."""
        self._file()
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - whatever a damaged file raises, the answer is to compile again
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code of a signature; a full or read-only disk is no reason to stop."""
        self._file()
        for _ in range(2):
            try:
                super().save_overload(sig, data)
                return
            except OSError:
                break
            except Exception:  # noqa: BLE001 - the list of what is kept is damaged: begin a new one
                self.flush()
        self.disable()


def cache_for(function: Any, options: dict[str, Any]) -> Any:
    """Return the cache of a function: beside its file, else the user's folder, else none.

    Parameters
    ----------
    function : function
        Not yet compiled.
    options : dict
        What it is compiled with.
    """
    try:
        return KernelCache(function, options)
    except RuntimeError:  # no folder can be written
        return _caching.NullCache()
