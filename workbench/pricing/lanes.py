"""Sixteen tridiagonal systems at a time: the two sweeps of a finite-difference step as vector code.

A sweep along a grid is one long chain, each node waiting for the last. The compiler cannot see that
sixteen options beside each other are independent, so the instructions are written out here: arrays of
shape (nodes, 16), one row of sixteen numbers to a vector.
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir as _ir
from numba.core import cgutils as _cgutils
from numba.np import arrayobj as _arrayobj

from workbench.pricing.kernels import intrinsic

# Of numba and llvmlite, without types.
ir: Any = _ir
types: Any = numba.types
cgutils: Any = _cgutils
make_array: Any = _arrayobj.make_array

LANES = 16  # two of the widest vectors: while one waits for its chain, the other works

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_BYTES = 8


Code = Any  # llvmlite's builders, values and types carry no types of their own


def _place(builder: Code, rows: Code, row: Code) -> Code:
    start = builder.gep(rows, [builder.mul(row, ir.Constant(row.type, LANES))])
    return builder.bitcast(start, _VECTOR.as_pointer())


def _read(builder: Code, rows: Code, row: Code) -> Code:
    """Return one row as a vector."""
    return builder.load(_place(builder, rows, row), align=_BYTES)


def _write(builder: Code, vector: Code, rows: Code, row: Code) -> None:
    """Write a vector to one row."""
    builder.store(vector, _place(builder, rows, row), align=_BYTES)


def _multiply_add(builder: Code, x: Code, y: Code, z: Code) -> Code:
    """Return ``x * y + z``, rounded once, lane by lane."""
    name = f"llvm.fma.v{LANES}f64"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), name)
    return builder.call(function, [x, y, z])


def _sweep(generate: Callable[..., None]) -> Callable[..., Any]:
    """Make the typing and the code of a sweep over arrays and the number of the last node."""

    def typed(typing_context: Any, *argument_types: Any) -> Any:
        arrays = argument_types[:-1]
        if not all(isinstance(a, types.Array) and a.ndim == 2 and a.layout == "C" for a in arrays):
            return None

        def code(context: Any, builder: Code, signature: Any, arguments: Any) -> Any:
            rows = [
                make_array(kind)(context, builder, value).data
                for kind, value in zip(signature.args[:-1], arguments[:-1], strict=True)
            ]
            generate(builder, *rows, arguments[-1])
            return context.get_dummy_value()

        return types.none(*arrays, types.intp), code

    return typed


def _row(number: int) -> Any:
    return ir.Constant(ir.IntType(64), number)


def _inward(builder: Code, values: Code, work: Code, terms: Code, last: Any) -> None:
    sides, middle, carry = (_read(builder, terms, _row(number)) for number in range(3))
    against = builder.fneg(carry)
    one = _row(1)
    # The three old values that a node needs stay in registers: each is read once.
    carried, beyond, at = (cgutils.alloca_once(builder, _VECTOR) for _ in range(3))
    builder.store(_read(builder, work, last), carried)
    builder.store(_read(builder, values, last), beyond)
    builder.store(_read(builder, values, builder.sub(last, one)), at)
    with cgutils.for_range(builder, builder.sub(last, one)) as loop:
        node = builder.sub(builder.sub(last, one), loop.index)
        old, inner = builder.load(at), _read(builder, values, builder.sub(node, one))
        known = builder.fmul(sides, builder.fadd(builder.load(beyond), inner))
        known = _multiply_add(builder, middle, old, known)
        known = _multiply_add(builder, against, builder.load(carried), known)
        builder.store(known, carried)
        builder.store(old, beyond)
        builder.store(inner, at)
        _write(builder, known, work, node)


def _outward(builder: Code, values: Code, work: Code, exercise: Code, terms: Code, last: Any) -> None:
    carry, scale, shift = (_read(builder, terms, _row(number)) for number in range(2, 5))
    against = builder.fneg(carry)
    carried = cgutils.alloca_once(builder, _VECTOR)
    builder.store(_read(builder, values, _row(0)), carried)
    one = _row(1)
    with cgutils.for_range(builder, builder.sub(last, one)) as loop:
        node = builder.add(loop.index, one)
        held = _multiply_add(builder, against, builder.load(carried), _read(builder, work, node))
        paid = _multiply_add(builder, scale, _read(builder, exercise, node), shift)
        better = builder.select(builder.fcmp_ordered(">", held, paid), held, paid)
        builder.store(better, carried)
        _write(builder, better, values, node)


def _typed_inward(typing_context, values, work, terms, last):  # type: ignore[no-untyped-def]
    """Eliminate from node `last` - 1 to node 1 of a step whose equation is the same at every node.

    `terms` holds, in rows 0 to 2, what multiplies the old values of both neighbours, the node's own old
    value, and the node already eliminated; ``work[last]`` is the known end. Fills ``work[1:last]``.
    """
    return _sweep(_inward)(typing_context, values, work, terms, last)


def _typed_outward(typing_context, values, work, exercise, terms, last):  # type: ignore[no-untyped-def]
    """Substitute from node 1 to node `last` - 1, at each node no less than what exercise pays.

    ``values[0]`` is the known end; row 2 of `terms` multiplies the node before. Exercise pays `exercise`
    times row 3 plus row 4. Fills ``values[1:last]``.
    """
    return _sweep(_outward)(typing_context, values, work, exercise, terms, last)


sweep_inward = intrinsic(_typed_inward)
sweep_outward = intrinsic(_typed_outward)
