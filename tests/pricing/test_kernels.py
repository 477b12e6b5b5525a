"""The mathematics under every engine: digits, limits, vector code, and compiled code that is never stale."""

import os
import re
import subprocess
import sys
import textwrap
import threading
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from workbench.pricing import kernels
from workbench.pricing.kernel_cache import fingerprint


@kernels.compiled
def _apply(start, stop, function, values, out):
    for i in range(start, stop):
        if function == 0:
            out[i] = kernels.exp(values[i])
        elif function == 1:
            out[i] = kernels.log(values[i])
        elif function == 2:
            out[i] = kernels.normal_cdf(values[i])
        else:
            out[i] = kernels.normal_density(values[i])


def apply(name, values):
    values = np.asarray(values, dtype=float)
    out = np.empty_like(values)
    _apply(0, values.size, ("exp", "log", "normal_cdf", "normal_density").index(name), values, out)
    return out


def cdf(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def density(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def spread(low, high, count=400, seed=1):
    return np.random.default_rng(seed).uniform(low, high, count)


@pytest.mark.parametrize(
    ("name", "reference", "values", "ulps"),
    [
        ("exp", mpmath.exp, spread(-745, 709), 1.5),
        ("exp", mpmath.exp, spread(-1, 1), 1.5),
        ("log", mpmath.log, 10 ** spread(-300, 300), 1.5),
        ("log", mpmath.log, spread(0.5, 2), 1.5),
        ("log", mpmath.log, 1 + spread(-1e-6, 1e-6), 1.5),
        ("normal_cdf", cdf, spread(-4, 8), 8),
        ("normal_cdf", cdf, spread(-38, -4), 9),
        ("normal_density", density, spread(-37, 37), 5),
    ],
)
def test_digits_agree_with_forty_of_them(name, reference, values, ulps):
    found = apply(name, values)
    with mpmath.workdps(40):
        for x, y in zip(values, found, strict=True):
            exact = reference(mpmath.mpf(float(x)))
            unit = np.spacing(abs(float(exact)))
            assert abs(mpmath.mpf(float(y)) - exact) <= ulps * unit, (x, y)


def test_limits_are_exact_and_missing_stays_missing():
    ends = [-np.inf, np.inf, np.nan]
    assert_array_equal(apply("exp", ends), [0, np.inf, np.nan])
    assert_array_equal(apply("normal_cdf", ends), [0, 1, np.nan])
    assert_array_equal(apply("normal_density", ends), [0, 0, np.nan])
    assert_array_equal(apply("exp", [0.0, -800, 800]), [1, 0, np.inf])
    assert_array_equal(apply("normal_cdf", [0.0, -50, 50]), [0.5, 0, 1])
    assert_array_equal(apply("log", [1.0]), [0.0])


def test_the_distribution_never_falls():
    x = np.linspace(-38, 8, 20_001)
    step = np.diff(apply("normal_cdf", x))
    assert step.min() >= -2e-16


@pytest.mark.parametrize("name", ["exp", "log", "normal_cdf", "normal_density"])
def test_a_loop_becomes_vector_code(name):
    import numba

    function = getattr(kernels, name)

    def loop(values, out):
        for i in range(values.shape[0]):
            out[i] = function(values[i])

    dispatcher = numba.njit(error_model="numpy")(loop)
    dispatcher(np.ones(8), np.ones(8))
    (text,) = dispatcher.inspect_llvm().values()
    assert re.search(r"call <\d+ x double> @llvm.fma", text)


@pytest.mark.parametrize("size", [0, 1, 255, 40_000, 100_003])
def test_chunks_cover_every_row_once(size):
    covered = np.zeros(size, dtype=int)
    threads = set()

    def kernel(start, stop, counts):
        counts[start:stop] += 1
        threads.add(threading.get_ident())
        return start, stop

    slices = kernels.in_chunks(kernel, size, covered)
    assert_array_equal(covered, 1)
    assert slices[0][0] == 0
    assert slices[-1][1] == size
    assert all(before[1] == after[0] for before, after in pairwise(slices))
    assert size > 32_768 or threads == {threading.get_ident()}


def test_an_error_in_one_chunk_reaches_the_caller():
    def kernel(start, stop):
        if start > 0:
            raise ZeroDivisionError
        return 0

    with pytest.raises(ZeroDivisionError):
        kernels.in_chunks(kernel, 10_000, least=100)


MODULES = {
    "numbers_of.py": """
        from workbench.pricing.kernels import compiled
        STEP = 1.0

        @compiled
        def step(x):
            return x + STEP
    """,
    "engine.py": """
        import sys
        from numbers_of import step
        from workbench.pricing.kernels import compiled

        @compiled
        def twice(x):
            return step(step(x))

        print(twice(float(sys.argv[1])), sum(twice.stats.cache_hits.values()))
    """,
}


@pytest.fixture
def modules(tmp_path):
    """Two files, the second using a compiled function of the first, and a way to run the second."""
    for name, text in MODULES.items():
        (tmp_path / name).write_text(textwrap.dedent(text))

    def start():
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
        return subprocess.Popen(
            [sys.executable, "engine.py", "40"],
            cwd=tmp_path,
            env=environment | {"XDG_CACHE_HOME": str(tmp_path / "user")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(process):
        out, problems = process.communicate(timeout=120)
        assert process.returncode == 0, problems
        return tuple(float(word) for word in out.split())

    start.answer = answer
    return start


def test_compiled_code_is_kept_but_never_outlives_a_change_in_another_file(modules, tmp_path):
    first, second = modules(), modules()  # two processes at once on an empty cache
    assert modules.answer(first)[0] == modules.answer(second)[0] == 42
    assert modules.answer(modules()) == (42, 1)
    source = tmp_path / "numbers_of.py"
    stamp = source.stat()
    source.write_text(source.read_text().replace("STEP = 1.0", "STEP = 2.0"))
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    for compiled in (tmp_path / "__pycache__").glob("numbers_of.cpython*"):
        compiled.unlink()
    assert modules.answer(modules()) == (44, 0)
    for kept in (tmp_path / "__pycache__").glob("engine.twice*.nb?"):
        kept.write_bytes(b"half a file")
    assert modules.answer(modules())[0] == 44


def test_a_folder_that_cannot_be_written_moves_the_cache_to_the_user(modules, tmp_path):
    (tmp_path / "__pycache__").write_text("no folder can be made here")
    assert modules.answer(modules()) == (42, 0)
    assert modules.answer(modules()) == (42, 1)
    assert list((tmp_path / "user").rglob("*.nbc"))


def test_without_any_folder_kernels_still_run(modules, tmp_path):
    (tmp_path / "__pycache__").write_text("no folder can be made here")
    (tmp_path / "user").write_text("nor here")
    assert modules.answer(modules()) == (42, 0)


def test_a_fingerprint_follows_constants_and_functions():
    def function_with(constant):
        def inner(x):
            return x * constant

        def outer(x):
            return inner(x) + 1

        return outer

    assert fingerprint(function_with(2.0)) == fingerprint(function_with(2.0))
    assert fingerprint(function_with(2.0)) != fingerprint(function_with(3.0))
    assert fingerprint(kernels.normal_cdf) != fingerprint(kernels.normal_density)


def test_engines_are_imported_without_the_compiler():
    script = "import sys, workbench.pricing; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
