"""Normalised option prices and their inversion, as plain arithmetic that compiles to vector instructions.

Everything is scaled by the smaller of discounted spot and discounted strike. With X the absolute
log-moneyness of the forward and s the volatility times the root of time, the option out of the money costs

    c = density(u) (R(u) - R(v)),    u = X / s - s / 2,    v = X / s + s / 2,    dc/ds = density(u),

where R(y) = N(-y) / density(y) is Mills' ratio. Bachelier's model is the limit of small s: u = v = X / s with
X and s in units of price, and c = density(u) s (1 - u R(u)). `kappa` is 1 for the first and 0 for the second:
u, v = X / s -+ kappa s / 2, and both prices are density(u) s M(u, v) with the divided difference M below.
"""

import math

from workbench.pricing.kernels import bits_of, compiled, exp_series, fma, from_bits, log, log_of_parts

ROOT_TWO_PI = 2.5066282746310002
# The polynomials of Mills' ratio hold from here to infinity.
LEAST_U = -1.5

_LOG2_E = 1 / math.log(2)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUNDER = 6755399441055744.0
_ROUNDER_BITS = 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD


@compiled(forceinline=True)
def exp_and_excess(x: float) -> tuple[float, float]:
    """Return e^x and e^x - 1, each within an ulp or two, for x between -700 and 700."""
    shifted = fma(x, _LOG2_E, _ROUNDER)
    count = shifted - _ROUNDER
    rest = fma(count, -_LN2_LOW, fma(count, -_LN2_HIGH, x))
    p = fma(exp_series(rest) * rest, rest, rest)
    power = from_bits(((bits_of(shifted) - _ROUNDER_BITS) << 52) + _ONE_BITS)
    return fma(power, p, power), fma(power, p, power - 1.0)


@compiled(forceinline=True)
def log_ratio(a: float, b: float) -> float:
    """Return log(a / b) of positive doubles, to full relative precision also where they are nearly equal."""
    ratio = a / b
    bits = bits_of(ratio)
    power = (bits - _ROOT_HALF_BITS) >> 52
    # The difference of near numbers is exact; their quotient is not.
    f = (a - b) / b if power == 0 else from_bits(bits - (power << 52)) - 1.0
    return log_of_parts(f, power)


@compiled(forceinline=True)
def rough_log(x: float) -> float:
    """Return the logarithm of a positive normal double to 1e-8 absolute, without a division."""
    bits = bits_of(x)
    power = (bits - _ROOT_HALF_BITS) >> 52
    f = from_bits(bits - (power << 52)) - 1.0
    p = 0.08743945354056575
    p = fma(p, f, -0.14377330568504418)
    p = fma(p, f, 0.14949095476025745)
    p = fma(p, f, -0.1656069599190495)
    p = fma(p, f, 0.19956977483071336)
    p = fma(p, f, -0.2500215346096054)
    p = fma(p, f, 0.33334183338523504)
    p = fma(p, f, -0.49999987032284626)
    p = fma(p, f, 0.9999999742674379)
    value: float = fma(float(power), _LN2_HIGH, p * f)
    return value


@compiled(forceinline=True)
def mills_slope(u: float, v: float) -> float:  # noqa: PLR0915 - one line a coefficient
    """Return (R(u) - R(v)) / (v - u) of Mills' ratio R, or -R'(u) where u = v; both from -1.5 to infinity.

    R is a polynomial in y = 1 - 9 / (u + 6), fitted at Chebyshev nodes in 50 digits (degree 30, slope within
    2e-17). The polynomial and its divided difference are made side by side, so nothing cancels however
    near u and v lie.
    """
    x, z = u + 6.0, v + 6.0
    both = 1.0 / (x * z)
    # One division serves both variables.
    a, b = fma(-9.0 * z, both, 1.0), fma(-9.0 * x, both, 1.0)
    p = 4.766311545830699e-10
    d = p
    p = fma(p, a, -7.633600483720648e-11)
    d = fma(d, b, p)
    p = fma(p, a, -5.62669955999022e-09)
    d = fma(d, b, p)
    p = fma(p, a, -1.7312797783258716e-10)
    d = fma(d, b, p)
    p = fma(p, a, 3.553034233596382e-08)
    d = fma(d, b, p)
    p = fma(p, a, 1.0051520912699614e-08)
    d = fma(d, b, p)
    p = fma(p, a, -1.698049914167502e-07)
    d = fma(d, b, p)
    p = fma(p, a, -9.810960021823527e-08)
    d = fma(d, b, p)
    p = fma(p, a, 7.376773745162171e-07)
    d = fma(d, b, p)
    p = fma(p, a, 6.206183698761467e-07)
    d = fma(d, b, p)
    p = fma(p, a, -3.2884122439171874e-06)
    d = fma(d, b, p)
    p = fma(p, a, -3.0690866379068666e-06)
    d = fma(d, b, p)
    p = fma(p, a, 1.612049821815367e-05)
    d = fma(d, b, p)
    p = fma(p, a, 1.1256691394693911e-05)
    d = fma(d, b, p)
    p = fma(p, a, -8.737002003105213e-05)
    d = fma(d, b, p)
    p = fma(p, a, -4.221423684859615e-06)
    d = fma(d, b, p)
    p = fma(p, a, 0.0004844368874717991)
    d = fma(d, b, p)
    p = fma(p, a, -0.0005313326604419326)
    d = fma(d, b, p)
    p = fma(p, a, -0.002126622749664136)
    d = fma(d, b, p)
    p = fma(p, a, 0.00728448238599654)
    d = fma(d, b, p)
    p = fma(p, a, -0.002590422339664055)
    d = fma(d, b, p)
    p = fma(p, a, -0.04449092045276805)
    d = fma(d, b, p)
    p = fma(p, a, 0.17862977903246738)
    d = fma(d, b, p)
    p = fma(p, a, -0.42604112706803815)
    d = fma(d, b, p)
    p = fma(p, a, 0.7581366964103016)
    d = fma(d, b, p)
    p = fma(p, a, -1.0827817478550987)
    d = fma(d, b, p)
    p = fma(p, a, 1.2825122346031494)
    d = fma(d, b, p)
    p = fma(p, a, -1.2799534216517263)
    d = fma(d, b, p)
    p = fma(p, a, 1.0830090427646237)
    d = fma(d, b, p)
    p = fma(p, a, -0.776061934827211)
    d = fma(d, b, p)
    slope: float = -9.0 * d * both
    return slope


@compiled(forceinline=True)
def rough_mills_slope(u: float, v: float) -> float:
    """Return what `mills_slope` does to 3e-5, with less than half the work (degree 12)."""
    x, z = u + 6.0, v + 6.0
    both = 1.0 / (x * z)
    # One division serves both variables.
    a, b = fma(-9.0 * z, both, 1.0), fma(-9.0 * x, both, 1.0)
    p = -0.000990041096032517
    d = p
    p = fma(p, a, 0.005611982263012705)
    d = fma(d, b, p)
    p = fma(p, a, -0.003855309423729167)
    d = fma(d, b, p)
    p = fma(p, a, -0.0424350971943215)
    d = fma(d, b, p)
    p = fma(p, a, 0.17934757719942715)
    d = fma(d, b, p)
    p = fma(p, a, -0.427262970505697)
    d = fma(d, b, p)
    p = fma(p, a, 0.7579335406660981)
    d = fma(d, b, p)
    p = fma(p, a, -1.082427360257474)
    d = fma(d, b, p)
    p = fma(p, a, 1.2825372238736237)
    d = fma(d, b, p)
    p = fma(p, a, -1.2799975821838507)
    d = fma(d, b, p)
    p = fma(p, a, 1.0830081560288334)
    d = fma(d, b, p)
    p = fma(p, a, -0.7760603596607666)
    d = fma(d, b, p)
    slope: float = -9.0 * d * both
    return slope


@compiled(forceinline=True)
def first_guess(distance: float, price: float, scale: float, kappa: float) -> float:
    """Return s for a normalised price, good to 4 % / (1 + |u v|) for u of -1.5 to 10 and X below 4.

    (X + sqrt(2 pi) c) / s lies between 0.7 and 10. It is a polynomial, fitted to the least largest error,
    of two things that know the limits: the logarithm of 1 + X / c, which alone decides where s is small
    (Bachelier's limit), and a crude s. Outside its range it is a number that the refinement then refuses.
    """
    unscaled = fma(ROOT_TWO_PI, price, distance)
    w = math.sqrt(rough_log(fma(distance * ROOT_TWO_PI, scale, 1.0)) + 0.625)
    crude = unscaled / w
    w = fma(w, 1.0 / 3.428972087, -4.219556174 / 3.428972087)
    g = fma(kappa * crude, 1.0 / 2.033819357, -1.0)
    q = -0.98468
    q = fma(q, w, 0.90393)
    q = fma(q, w, fma(-1.28531, g, 0.7254))
    q = fma(q, w, fma(0.43961, g, -0.83308))
    q = fma(q, w, fma(fma(-1.6679, g, 0.48506), g, -0.41659))
    q = fma(q, w, fma(fma(2.03409, g, 1.45502), g, 1.10318))
    q = fma(q, w, fma(fma(fma(2.10615, g, 6.50889), g, 4.81936), g, 1.44213))
    q = fma(q, w, fma(fma(fma(0.71811, g, -0.21954), g, -0.62311), g, -0.73321))
    q = fma(q, w, fma(fma(fma(fma(2.09142, g, 5.29619), g, 4.89888), g, 1.83468), g, 0.52004))
    q = fma(q, w, fma(fma(fma(fma(2.8013, g, 9.34332), g, 11.74453), g, 6.71938), g, 1.27424))
    q = fma(
        q, w, fma(fma(fma(fma(fma(0.00604, g, 1.04701), g, 3.60603), g, 4.62594), g, 2.46643), g, 1.28536)
    )
    guess: float = crude * q
    return guess


@compiled(forceinline=True)
def householder(u: float, v: float, slope: float, mismatch: float) -> tuple[float, float]:
    """Return Newton's and the fourth-order step to the root, both relative to s, in the log of the price.

    `slope` is `mills_slope` at u and v, `mismatch` the log of the price at s over the price sought. With
    D = c(s) / c'(s) = s M the derivatives need no exponential: relative to the first, the second is u v / s
    and the third (u v / s)^2 - (u^2 + u v + v^2) / s^2.
    """
    product = u * v
    curvature = product * slope
    third = fma(curvature, curvature - 3.0, 2.0) - fma(u, u, fma(v, v, product)) * slope * slope
    second = mismatch * (1.0 - curvature)
    newton = -mismatch * slope
    step = newton * fma(0.5, second, 1.0) / fma(mismatch * mismatch * (1.0 / 6.0), third, 1.0 + second)
    return newton, step


@compiled(forceinline=True)
def refine(distance: float, price: float, kappa: float) -> tuple[float, float, float]:
    """Return s for a normalised price, how well it is known, and u: first guess and two fourth-order steps.

    The second is the last Newton step relative to s, times 1 + |u v|: the error that is left is about its
    fourth power. It is NaN or large where the guess was no good.
    """
    scale = 1.0 / (ROOT_TWO_PI * price)
    s = first_guess(distance, price, scale, kappa)
    h, half = distance / s, 0.5 * kappa * s
    u, v = h - half, h + half
    slope = rough_mills_slope(u, v)
    _, step = householder(u, v, slope, fma(-0.5 * u, u, rough_log(s * slope * scale)))
    s = fma(s, step, s)
    h, half = distance / s, 0.5 * kappa * s
    u, v = h - half, h + half
    slope = mills_slope(u, v)
    newton, step = householder(u, v, slope, fma(-0.5 * u, u, log(s * slope * scale)))
    return fma(s, step, s), abs(newton) * (1.0 + abs(u * v)), u
