"""Distributions: bounds, seeds, quantiles, counting, equality, pickling, and wrong input."""

from __future__ import annotations

import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler

from kerasearch import choice, integers, layer_sizes, log_integers, log_uniform, uniform
from kerasearch.space import Choice, Integers, LayerSizes, Uniform
from kerasearch.space.scipy_distributions import as_distribution

quick = settings(deadline=None, max_examples=40)
floats = st.floats(-1e6, 1e6, allow_nan=False)
positive = st.floats(1e-9, 1e6)
unit = st.floats(0, 1)


def increasing(numbers):
    return st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1]).map(sorted)


def stepped(low, step, n):
    return integers(low, low + step * n, step)


def ends(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).map(tuple)


values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.floats(-1, 1)
)
some_layers = st.builds(
    layer_sizes, ends(0, 4), ends(1, 300), st.sampled_from(["free", "constant", "funnel"])
)
one_dimensional = st.one_of(
    st.builds(lambda ends: uniform(*ends), increasing(floats)),
    st.builds(lambda ends: log_uniform(*ends), increasing(positive)),
    st.builds(stepped, st.integers(-99, 99), st.integers(1, 9), st.integers(1, 50)),
    st.builds(lambda ends: log_integers(*ends), increasing(st.integers(1, 5000))),
    st.builds(choice, st.lists(values, min_size=1, max_size=5, unique_by=repr)),
)
distributions = st.one_of(one_dimensional, some_layers)


def in_support(distribution, value):
    if isinstance(distribution, Choice):
        return any(value is v or (type(value) is type(v) and value == v) for v in distribution)
    if isinstance(distribution, LayerSizes):
        (fewest, most), (low, high) = distribution.depth, distribution.units
        widths_fit = all(low <= width <= high and type(width) is int for width in value)
        return type(value) is tuple and fewest <= len(value) <= most and widths_fit
    low, high = distribution.support()
    on_grid = not isinstance(distribution, Integers) or (value - low) % distribution.step == 0
    return low <= value <= high and on_grid and type(value) is type(low)


@quick
@given(distributions, st.integers(0, 2**32 - 1))
def test_values_are_within_the_bounds_and_of_pythons_types(distribution, seed):
    rng = np.random.RandomState(seed)
    assert all(in_support(distribution, distribution.rvs(rng)) for _ in range(20))


@quick
@given(distributions, st.data())
def test_every_point_of_the_unit_cube_has_a_value(distribution, data):
    n = distribution.n_dimensions
    assert in_support(distribution, distribution.at(data.draw(st.tuples(*[unit] * n))))
    assert in_support(distribution, distribution.at([0] * n))
    assert in_support(distribution, distribution.at(np.ones(n)))


@quick
@given(distributions, st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_value(distribution, seed):
    assert distribution.rvs(seed) == distribution.rvs(random_state=np.random.RandomState(seed))
    generators = [np.random.default_rng(seed) for _ in range(2)]
    assert distribution.rvs(generators[0]) == distribution.rvs(generators[1])
    np.random.seed(seed)
    assert distribution.rvs() == distribution.rvs(seed)


@quick
@given(distributions)
def test_copies_and_pickles_are_equal_and_have_the_same_hash(distribution):
    for twin in (pickle.loads(pickle.dumps(distribution)), clone(distribution, safe=False)):
        assert twin == distribution
        assert hash(twin) == hash(distribution)
        assert twin.rvs(0) == distribution.rvs(0)


@quick
@given(distributions)
def test_the_repr_makes_the_same_distribution(distribution):
    assert eval(repr(distribution)) == distribution


@quick
@given(distributions)
def test_nothing_can_be_changed(distribution):
    with pytest.raises(AttributeError):
        distribution.low = 3


@settings(deadline=None, max_examples=25)
@given(one_dimensional, st.integers(0, 1000))
def test_what_is_drawn_has_the_quantiles(distribution, seed):
    rng = np.random.RandomState(seed)
    drawn = [distribution.rvs(rng) for _ in range(400)]
    quantiles = distribution.ppf((np.arange(1000) + 0.5) / 1000).tolist()
    # by their text: False and 0 are two values of a choice, and one key of a dict
    rank = {text: i for i, text in enumerate(dict.fromkeys(map(repr, quantiles + drawn)))}
    if not isinstance(distribution, Choice):
        rank = {repr(value): value for value in [*quantiles, *drawn]}
    found = stats.ks_2samp([rank[repr(v)] for v in drawn], [rank[repr(v)] for v in quantiles])
    assert found.pvalue > 1e-4


@quick
@given(one_dimensional, st.tuples(unit, unit).map(sorted))
def test_quantiles_increase(distribution, ends):
    low, high = distribution.ppf(ends[0]), distribution.ppf(ends[1])
    if isinstance(distribution, Choice):
        low, high = distribution.values.index(low), distribution.values.index(high)
    assert low <= high


@quick
@given(st.one_of(increasing(floats).map(lambda e: uniform(*e)), st.just(log_uniform(1e-4, 0.1))))
def test_both_bounds_are_reached_exactly(distribution):
    assert (distribution.ppf(0), distribution.ppf(1)) == distribution.support()


@settings(deadline=None, max_examples=30)
@given(
    st.builds(layer_sizes, ends(0, 3), ends(1, 7), st.sampled_from(["free", "constant", "funnel"]))
)
def test_the_number_of_layer_tuples_is_counted_right(distribution):
    everything = list(distribution)
    assert len(everything) == len(set(everything)) == len(distribution) == distribution.n_values
    rng = np.random.RandomState(0)
    assert {distribution.rvs(rng) for _ in range(50)} <= set(everything)


@quick
@given(st.builds(layer_sizes, ends(1, 6), ends(1, 300), st.just("funnel")), st.integers(0, 999))
def test_a_funnel_never_widens(distribution, seed):
    widths = distribution.rvs(seed)
    assert list(widths) == sorted(widths, reverse=True)


@pytest.mark.parametrize(
    ("distribution", "exact"),
    [
        (uniform(-1, 3), stats.uniform(-1, 4)),
        (log_uniform(1e-5, 1e-1), stats.loguniform(1e-5, 1e-1)),
        (integers(3, 12), stats.randint(3, 13)),
    ],
)
def test_scipys_distribution_of_the_name_has_the_same_quantiles(distribution, exact):
    q = np.linspace(0.003, 0.997, 50)
    np.testing.assert_allclose(distribution.ppf(q), exact.ppf(q))
    assert as_distribution(exact) == distribution


# what was drawn when the distributions in the logarithm were classes of their own
DRAWN = [
    (
        uniform(-3, 5),
        [-0.0036790492211000725, 4.605714451279329, 2.8559515344912407, 1.7892678735762928],
        [-3.0, -2.2, -0.3333333333333335, 3.16, 5.0],
    ),
    (
        log_uniform(1e-4, 1e-1),
        [0.0013292918943162175, 0.07114476009343418, 0.01570297088405538, 0.006251373574521752],
        [0.0001, 0.00019952623149688793, 0.0010000000000000002, 0.020417379446695298, 0.1],
    ),
    (
        log_uniform(0.3, 70),
        [2.3121902275439514, 53.504543343569914, 16.23550926724388, 7.847487771375085],
        [0.3, 0.5175102228757736, 1.8469147504478332, 19.97392337113635, 70.0],
    ),
    (integers(3, 40), [17, 39, 30, 25], [3, 6, 15, 32, 40]),
    (integers(16, 256, 16), [96, 256, 192, 160], [16, 32, 96, 208, 256]),
    (log_integers(1, 1023), [13, 727, 159, 63], [1, 2, 10, 207, 1023]),
    (log_integers(16, 512), [58, 432, 202, 127], [16, 22, 50, 231, 512]),
]


@pytest.mark.parametrize(("distribution", "drawn", "quantiles"), DRAWN)
def test_a_seed_draws_what_it_always_drew(distribution, drawn, quantiles):
    rng = np.random.RandomState(42)
    assert [distribution.rvs(rng) for _ in drawn] == drawn
    assert distribution.ppf([0, 0.1, 1 / 3, 0.77, 1]).tolist() == quantiles


def test_the_logarithmic_names_are_names_for_log():
    assert log_uniform(1e-4, 1) == uniform(1e-4, 1, log=True) == Uniform(1e-4, 1, True)
    assert log_integers(1, 8) == integers(1, 8, log=True) == Integers(1, 8, 1, True)
    assert uniform(1, 8) != uniform(1, 8, log=True)
    assert integers(1, 8) != integers(1, 8, log=True)
    assert uniform(1, 8, log=np.bool_(True)).log is True


def test_log_integers_are_uniform_in_the_logarithm():
    rng = np.random.RandomState(0)
    drawn = np.array([log_integers(1, 1023).rvs(rng) for _ in range(2000)])
    octaves = np.floor(np.log2(drawn)).astype(int)
    assert stats.chisquare(np.bincount(octaves, minlength=10)).pvalue > 0.01


def test_probabilities_are_those_asked_for():
    rng = np.random.RandomState(0)
    rare = choice(["often", "seldom", "never"], p=[0.9, 0.1, 0])
    drawn = Counter(rare.rvs(rng) for _ in range(1000))
    assert drawn["never"] == 0
    assert stats.binomtest(drawn["seldom"], 1000, 0.1).pvalue > 0.01
    assert rare.ppf(1) == "seldom"


def test_discrete_distributions_have_a_length_and_values():
    assert list(integers(16, 64, step=16)) == [16, 32, 48, 64]
    assert [len(d) for d in (integers(3, 12), log_integers(1, 9), choice(["a", "b"]))] == [
        10,
        9,
        2,
    ]
    assert len(layer_sizes((0, 3), (1, 9))) == 1 + 9 + 81 + 729
    assert len(layer_sizes(30, (1, 500))) > 0
    assert uniform(0, 1).n_values == math.inf
    with pytest.raises(TypeError):
        len(uniform(0, 1))


def test_readable_reprs():
    assert repr(uniform(0, 1)) == "uniform(0.0, 1.0)"
    assert repr(log_uniform(1e-4, 1)) == "uniform(0.0001, 1.0, log=True)"
    assert repr(integers(1, 3)) == "integers(1, 3)"
    assert repr(integers(2, 8, step=2)) == "integers(2, 8, step=2)"
    assert repr(log_integers(1, 8)) == "integers(1, 8, log=True)"
    assert repr(choice(["a", (1,)], p=[0.5, 0.5])) == "choice(['a', (1,)], p=[0.5, 0.5])"
    assert repr(layer_sizes(2, 8)) == "layer_sizes(depth=(2, 2), units=(8, 8), shape='free')"


def test_true_and_1_and_1_0_are_different_values():
    mixed = choice([True, 1, 1.0])
    assert [type(value) for value in mixed] == [bool, int, float]
    assert choice([True]) != choice([1]) != choice([1.0])


def test_values_without_a_hash_can_be_chosen_from():
    distribution = choice([[64, 64], {0: 1.0}, np.array([1, 2])])
    assert distribution == choice([[64, 64], {0: 1.0}, np.array([1, 2])])
    assert hash(distribution) == hash(pickle.loads(pickle.dumps(distribution)))


def test_values_chosen_twice_are_dropped_with_a_warning_and_their_probabilities_added():
    with pytest.warns(UserWarning, match="repeated values were dropped"):
        distribution = choice([1, 2, 1], p=[0.2, 0.3, 0.5])
    assert distribution == Choice((1, 2), (0.7, 0.3))


def test_an_array_of_values_is_a_list_of_pythons_numbers():
    distribution = choice(np.logspace(-3, -1, 3))
    assert [type(value) for value in distribution] == [float] * 3


def test_scikit_learn_draws_from_them():
    space = {
        "rate": log_uniform(1e-4, 1),
        "sizes": layer_sizes(shape="funnel"),
        "name": choice(["a", None]),
    }
    drawn, again = (list(ParameterSampler(space, 5, random_state=0)) for _ in range(2))
    assert drawn == again
    assert all(in_support(space[name], value) for one in drawn for name, value in one.items())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: uniform(1, 0), "low=1.0 must be below high=0.0"),
        (lambda: uniform(1, 1), "for a single value, pass a list"),
        (lambda: uniform(0, math.inf), "high=inf must be a finite number"),
        (lambda: uniform("0", 1), "low='0' must be a finite number"),
        (lambda: uniform(False, True), "low=False must be a finite number"),
        (lambda: log_uniform(0, 1), "low=0.0 must be above 0"),
        (lambda: log_uniform(-1, 1), "low=-1.0 must be above 0"),
        (lambda: log_uniform(1e-1, 1e-3), "low=0.1 must be below high=0.001"),
        (lambda: integers(1, 2.5), "high=2.5 must be an integer"),
        (lambda: integers(3, 1), "low=3 must be below high=1"),
        (
            lambda: integers(16, 100, step=16),
            "high=100 is not low=16 plus a multiple of step=16; use high=96 or 112",
        ),
        (lambda: integers(1, 3, step=5), "use high=6"),
        (lambda: integers(1, 3, step=0), "step=0 must be an integer of at least 1"),
        (lambda: integers(1, 3, step=True), "step=True must be an integer of at least 1"),
        (lambda: integers(2, 8, step=2, log=True), "step=2 cannot be combined with log=True"),
        (lambda: integers(0, 8, log=True), "integers: low=0 must be above 0 with log=True"),
        (lambda: integers(1, 8, log="yes"), "integers: log='yes' must be True or False"),
        (lambda: uniform(1, 8, 3), "uniform: log=3 must be True or False"),
        (lambda: log_integers(0, 3), "low=0 must be above 0"),
        (lambda: choice([]), "choice: the list of values is empty"),
        (lambda: choice([1, 2], p=[0.5]), "must have 2 probabilities"),
        (lambda: choice([1, 2], p=[0.5, 0.6]), "that sum to 1"),
        (lambda: choice([1, 2], p=[1.5, -0.5]), "that sum to 1"),
        (lambda: layer_sizes(depth=(3, 1)), r"depth=\(3, 1\) must be an integer of at least 0"),
        (lambda: layer_sizes(depth=(1, 2, 3)), r"depth=\(1, 2, 3\) must be"),
        (lambda: layer_sizes(units=(0, 8)), r"units=\(0, 8\) must be an integer of at least 1"),
        (lambda: layer_sizes(units=16.5), "units=.* must be an integer"),
        (lambda: layer_sizes(shape="cone"), "shape='cone' must be one of free, constant, funnel"),
        (lambda: uniform(0, 1).ppf(1.1), r"in \[0, 1\]"),
        (lambda: uniform(0, 1).at([math.nan]), r"in \[0, 1\]"),
        (lambda: layer_sizes().at([0.5]), r"must have 4 coordinate\(s\)"),
    ],
)
def test_what_is_no_distribution_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("adam", r"is one string; pass a list, \['adam'\]"),
        ({1, 2}, "a set has no order"),
        (3, "3 is not a list of values"),
        ({"a": 1}, "dict is not a list"),
        (np.eye(2), "must have one axis"),
    ],
)
def test_what_is_no_list_of_values_is_refused(given, says):
    with pytest.raises(TypeError, match=says):
        choice(given)


def test_a_distribution_of_scipy_keeps_its_quantiles():
    normal = as_distribution(stats.norm(3, 2))
    assert normal.ppf(0.5) == pytest.approx(3)
    assert math.isfinite(normal.ppf(0))
    assert math.isfinite(normal.ppf(1))
    counts = as_distribution(stats.binom(10, 0.5))
    assert (counts.ppf(0.5), type(counts.ppf(0.5))) == (5, int)
    assert repr(counts) == "scipy.stats.binom(10, 0.5)"
    assert as_distribution(stats.uniform(0, 0.5)) == Uniform(0, 0.5)
    assert as_distribution(stats.loguniform(1, 2)) == Uniform(1, 2, log=True)
    assert as_distribution(stats.randint(4, 5)) == Choice((4,))


def test_what_has_no_quantiles_is_no_distribution_to_design_with():
    class Drawn:
        def rvs(self, random_state=None):
            return 1

    with pytest.raises(TypeError, match="no quantile function"):
        as_distribution(Drawn())
