"""Nodes, weights and interpolation of the integral method for American options.

Everything here depends on the size of a scheme alone, not on the option: it is computed once a process.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial.legendre import leggauss

from workbench.arrays import FloatArray

LANES = 8  # rows of the tables are whole numbers of vectors


@dataclass(frozen=True, slots=True)
class Scheme:
    """A collocation scheme: n boundary nodes, l quadrature points for each, p points for the premium.

    Attributes
    ----------
    tables : tuple of ndarray
        What the kernels read, in this order:

        - nodes, n up to a whole number of lanes: roots of time to expiry at which the boundary is known,
          as a share of the longest;
        - sines and weights, l each: with ``v = t sin^2`` the time to an exercise, ``sum(weights f(v)) t``
          integrates f over times 0 to t;
        - by_node, (n, n, l): the boundary's polynomial at every quadrature point as a sum over nodes;
        - by_point, (n, l, n up to a whole number of lanes): the same, transposed;
        - to_series, (n, n + 1 up to a whole number of lanes): Chebyshev coefficients from values at nodes;
        - premium_nodes and premium_weights, p each: Gauss and Legendre's on 0 to 1.
    """

    tables: tuple[FloatArray, ...]


def _interpolation(n: int, share: FloatArray) -> FloatArray:
    """Barycentric weights of the values at nodes 1 to n; that at node 0, expiry, is zero."""
    nodes = (1 - np.cos(np.pi * np.arange(n + 1) / n)) / 2
    signs = (-1.0) ** np.arange(n + 1)
    signs[[0, -1]] /= 2
    gap = share[..., None] - nodes
    at_node = gap == 0
    terms = signs / np.where(at_node, 1.0, gap)
    weights: FloatArray = np.where(
        at_node.any(-1, keepdims=True), at_node.astype(float), terms / terms.sum(-1, keepdims=True)
    )
    return weights[..., 1:]


def _gauss_legendre(count: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on 0 to 1."""
    x, w = leggauss(count)
    return (x + 1) / 2, w / 2


def _nodes(n: int) -> FloatArray:
    nodes: FloatArray = (1 - np.cos(np.pi * np.arange(1, n + 1) / n)) / 2
    return nodes


@cache
def scheme(n: int, quadrature: int, premium: int) -> Scheme:
    """Build the scheme of a size.

    Parameters
    ----------
    n : int
        Nodes of the boundary: Chebyshev's extrema in the root of time to expiry, without expiry itself.
    quadrature, premium : int
        Points of the integrals at each node and of the price; whole numbers of lanes.

    Returns
    -------
    Scheme
    """
    nodes = _nodes(n)
    angle, weight = _gauss_legendre(quadrature)
    angle, weight = angle * np.pi / 2, weight * np.pi / 2
    # Time to exercise t sin^2 leaves t cos^2 to expiry: the integrand is smooth in the angle at both ends,
    # where it goes like the root of either.
    by_point = _interpolation(n, nodes[:, None] * np.cos(angle))
    width = -(-n // LANES) * LANES
    padded = np.zeros((n, quadrature, width))
    padded[:, :, :n] = by_point
    order = np.arange(n + 1)
    transform = np.cos(np.outer(order, np.arccos(np.clip(2 * nodes - 1, -1, 1)))) * (2 / n)
    transform[:, -1] /= 2
    transform[[0, -1]] /= 2
    to_series = np.zeros((n, -(-(n + 1) // LANES) * LANES))
    to_series[:, : n + 1] = transform.T
    return Scheme(
        tuple(
            np.ascontiguousarray(table)
            for table in (
                np.pad(nodes, (0, width - n), constant_values=1.0),
                np.sin(angle),
                weight * 2 * np.sin(angle) * np.cos(angle),
                by_point.transpose(0, 2, 1),
                padded,
                to_series,
                *_gauss_legendre(premium),
            )
        )
    )


@cache
def two_boundary_tables(steps: int, quadrature: int, premium: int) -> tuple[FloatArray, ...]:
    """Build what the kernels for two boundaries read.

    Parameters
    ----------
    steps : int
        Even steps of the root of time.
    quadrature, premium : int
        Points of the integrals at each step and of the price.

    Returns
    -------
    sines, weights : ndarray, (quadrature,)
        As of `Scheme`.
    starts, stencils : ndarray, (steps + 1, quadrature) and (steps + 1, quadrature, 4)
        First node and weights of the cubic through four steps, no later one than the step itself.
    premium_nodes, premium_weights : ndarray, (premium,)
    """
    angle, weight = _gauss_legendre(quadrature)
    angle, weight = angle * np.pi / 2, weight * np.pi / 2
    step = np.arange(steps + 1)[:, None]
    place = step * np.cos(angle)
    order = np.minimum(step, 3)
    starts = np.clip(np.floor(place) - 1, 0, step - order)
    stencils = np.zeros((*place.shape, 4))
    for j in range(4):
        product = np.where(j <= order, 1.0, 0.0) * np.ones_like(place)
        for k in range(4):
            if k != j:
                product *= np.where(k <= order, (place - starts - k) / (j - k), 1.0)
        stencils[..., j] = product
    return (
        np.sin(angle),
        weight * 2 * np.sin(angle) * np.cos(angle),
        starts,
        stencils,
        *_gauss_legendre(premium),
    )
