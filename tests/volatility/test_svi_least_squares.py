import numpy as np
from numpy.testing import assert_allclose

from workbench.volatility import SviSlice
from workbench.volatility import svi_least_squares as engine


def a_problem():
    """Three expiries that break every rule, so that each residual has a say."""
    rng = np.random.default_rng(0)
    free = rng.normal(0, 0.5, (3, 5))
    free[:, 2] = np.log(0.03)
    k = np.sort(rng.normal(0, 0.3, (3, 12)), axis=1)
    return free, engine.Smiles(
        log_moneyness=k, volatility=np.full(k.shape, 0.3), width=np.full(k.shape, 0.01),
        used=rng.random(k.shape) < 0.9, years=np.array([0.3, 0.5, 0.6]), scale=np.array([0.2, 0.3, 0.4]),
        prior=free + 0.3, spread=np.ones(3), butterfly_grid=np.linspace(-2, 2, 30) * np.ones((3, 1)),
        calendar_grid=np.linspace(-1, 1, 20) * np.ones((2, 1)),
    )  # fmt: skip


def test_free_numbers_and_slices_are_two_ways_to_say_the_same():
    smile = SviSlice(0.005, 0.1, -0.4, 0.02, 0.15)
    (back,) = engine.slices_of(engine.free_of(smile, 0.2)[None], np.array([0.2]))
    assert_allclose(
        [back.a, back.b, back.rho, back.m, back.sigma], [0.005, 0.1, -0.4, 0.02, 0.15], rtol=1e-12
    )


def test_the_gradient_is_that_of_the_cost_by_differences():
    free, smiles = a_problem()
    gradient = engine._system(free, smiles).gradient
    step = 1e-6
    for row in range(3):
        for column in range(5):
            move = np.zeros((3, 5))
            move[row, column] = step
            up, down = (engine._system(free + s * move, smiles).cost.sum() for s in (1, -1))
            assert_allclose(gradient[row, column], (up - down) / (4 * step), rtol=1e-5, atol=1e-4)


def test_fitting_together_costs_no_more_than_where_it_began():
    free, smiles = a_problem()
    before = engine._system(free, smiles).cost.sum()
    after = engine._system(engine.fit_together(free, smiles), smiles).cost.sum()
    assert after < before
    apart, cost = engine.fit_apart(free, smiles)
    assert apart.shape == (3, 5)
    assert np.all(np.isfinite(cost))
