"""Short rows of a table as vectors: what a loop over eight numbers costs too much for.

A loop that the compiler turns into vector code first checks whether its arrays overlap and how long they
are. For eight numbers that takes longer than the work, so these instructions are written out.
"""

from typing import Any

from llvmlite import ir as _ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.np import arrayobj as _arrayobj

from workbench.pricing.kernels import intrinsic

# Of numba and llvmlite, without types.
ir: Any = _ir
cgutils: Any = _cgutils
make_array: Any = _arrayobj.make_array

LANES = 8

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INDEX = ir.IntType(64)


def _start(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return make_array(kind)(context, builder, array).data


def _read(builder: Any, start: Any, place: Any) -> Any:
    row = builder.bitcast(builder.gep(start, [place]), _VECTOR.as_pointer())
    return builder.load(row, align=8)


def _write(builder: Any, vector: Any, start: Any, place: Any) -> None:
    row = builder.bitcast(builder.gep(start, [place]), _VECTOR.as_pointer())
    builder.store(vector, row, align=8)


def _spread(builder: Any, value: Any) -> Any:
    """Return a vector with the number in every lane."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), lanes)


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{LANES}f64"
    )
    return builder.call(function, [x, y, z])


def _is_flat(*kinds: Any) -> bool:
    return all(isinstance(kind, types.Array) and kind.layout == "C" for kind in kinds)


def _typed_weighted_rows(typing_context, target, place, factors, first, count, rows, start, stride):  # type: ignore[no-untyped-def]
    """Write the sum over `count` rows of eight numbers, each times its factor, to one row.

    ``target[place : place + 8] = sum(factors[first + k] * rows[start + k * stride :][:8])``; arrays of any
    shape are read as one run of numbers.
    """
    if not _is_flat(target, factors, rows):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, place, factors, first, count, rows, start, stride = arguments
        kinds = signature.args
        factor_data = _start(context, builder, kinds[2], factors)
        row_data = _start(context, builder, kinds[5], rows)
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        builder.store(ir.Constant(_VECTOR, [0.0] * LANES), total)
        with cgutils.for_range(builder, count) as loop:
            factor = builder.load(builder.gep(factor_data, [builder.add(first, loop.index)]))
            row = _read(builder, row_data, builder.add(start, builder.mul(loop.index, stride)))
            builder.store(_multiply_add(builder, _spread(builder, factor), row, builder.load(total)), total)
        _write(builder, builder.load(total), _start(context, builder, kinds[0], target), place)
        return context.get_dummy_value()

    index = types.int64
    return types.none(target, index, factors, index, index, rows, index, index), code


def _typed_add_row(typing_context, target, place, factor, source, start):  # type: ignore[no-untyped-def]
    """Add a row of eight numbers times a factor: ``target[place:][:8] += factor * source[start:][:8]``."""
    if not _is_flat(target, source):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, place, factor, source, start = arguments
        kinds = signature.args
        to = _start(context, builder, kinds[0], target)
        row = _read(builder, _start(context, builder, kinds[3], source), start)
        _write(
            builder,
            _multiply_add(builder, _spread(builder, factor), row, _read(builder, to, place)),
            to,
            place,
        )
        return context.get_dummy_value()

    return types.none(target, types.int64, types.float64, source, types.int64), code


def _typed_blend_rows(typing_context, target, place, a, first, b, second):  # type: ignore[no-untyped-def]
    """Write ``a`` times the eight numbers at `first` plus ``b`` times those at `second`, all in `target`."""
    if not _is_flat(target):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, place, a, first, b, second = arguments
        data = _start(context, builder, signature.args[0], target)
        total = builder.fmul(_spread(builder, b), _read(builder, data, second))
        total = _multiply_add(builder, _spread(builder, a), _read(builder, data, first), total)
        _write(builder, total, data, place)
        return context.get_dummy_value()

    index, number = types.int64, types.float64
    return types.none(target, index, number, index, number, index), code


def _typed_fill_row(typing_context, target, place, value):  # type: ignore[no-untyped-def]
    """Write one number to eight places."""
    if not _is_flat(target):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, place, value = arguments
        _write(builder, _spread(builder, value), _start(context, builder, signature.args[0], target), place)
        return context.get_dummy_value()

    return types.none(target, types.int64, types.float64), code


def _typed_polynomial(typing_context, target, place, coefficients, first, count, argument):  # type: ignore[no-untyped-def]
    """Sum a Chebyshev series at eight arguments: those at `argument` of `target`, to its `place`.

    ``coefficients[first : first + count]``, lowest order first, by Clenshaw's recurrence.
    """
    if not _is_flat(target, coefficients):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, place, coefficients, first, count, argument = arguments
        kinds = signature.args
        data = _start(context, builder, kinds[0], target)
        factors = _start(context, builder, kinds[2], coefficients)
        x = _read(builder, data, argument)
        twice = builder.fadd(x, x)
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        last, before = (cgutils.alloca_once_value(builder, zero) for _ in range(2))
        one = ir.Constant(_INDEX, 1)
        with cgutils.for_range(builder, builder.sub(count, one)) as loop:
            order = builder.sub(builder.sub(count, one), loop.index)
            factor = builder.load(builder.gep(factors, [builder.add(first, order)]))
            held = builder.load(last)
            rest = builder.fsub(_spread(builder, factor), builder.load(before))
            builder.store(_multiply_add(builder, twice, held, rest), last)
            builder.store(held, before)
        factor = builder.load(builder.gep(factors, [first]))
        rest = builder.fsub(_spread(builder, factor), builder.load(before))
        _write(builder, _multiply_add(builder, x, builder.load(last), rest), data, place)
        return context.get_dummy_value()

    index = types.int64
    return types.none(target, index, coefficients, index, index, index), code


def _typed_sum_rows(typing_context, source, start, count):  # type: ignore[no-untyped-def]
    """Return the sum of `count` vectors of eight numbers, one after the other in memory."""
    if not _is_flat(source):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, start, count = arguments
        data = _start(context, builder, signature.args[0], source)
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        lanes = ir.Constant(_INDEX, LANES)
        with cgutils.for_range(builder, count) as loop:
            row = _read(builder, data, builder.add(start, builder.mul(loop.index, lanes)))
            builder.store(builder.fadd(builder.load(total), row), total)
        held = builder.load(total)
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        kind = ir.VectorType(ir.IntType(32), LANES)
        for apart in (4, 2, 1):
            turned = ir.Constant(kind, [(lane + apart) % LANES for lane in range(LANES)])
            held = builder.fadd(held, builder.shuffle_vector(held, undefined, turned))
        return builder.extract_element(held, ir.Constant(ir.IntType(32), 0))

    return types.float64(source, types.int64, types.int64), code


weighted_rows = intrinsic(_typed_weighted_rows)
add_row = intrinsic(_typed_add_row)
fill_row = intrinsic(_typed_fill_row)
blend_rows = intrinsic(_typed_blend_rows)
polynomial = intrinsic(_typed_polynomial)
sum_rows = intrinsic(_typed_sum_rows)
