import pytest

from benchmarks._processes import measure

pytestmark = [pytest.mark.slow, pytest.mark.long]  # of the benchmarks


@pytest.mark.parametrize("library", ["kerasearch", "keras-tuner"])
def test_both_hyperbands_of_the_benchmark_train_the_same_schedule(library):
    if library == "keras-tuner":
        pytest.importorskip("keras_tuner")
    found = run(library, "hyperband")
    assert found["fits"] == 6  # 3 and 1 in the first bracket, 2 in the second
    assert found["epochs"] == 3 * 1 + 1 * 2 + 2 * 3


@pytest.mark.parametrize(("library", "n_fits"), [("folds", 6), ("optuna", 2)])
def test_a_random_search_of_the_benchmark_trains_its_trials(library, n_fits):
    pytest.importorskip("optuna")
    found = run(library, "random")
    assert (found["fits"], found["epochs"]) == (n_fits, 3 * n_fits)
    assert found["seconds"] > 0
    assert 0 <= found["validation"] <= 1
    assert 0 <= found["test"] <= 1


def run(library, work):
    """Two trials of three epochs, in a process of their own."""
    return measure(
        "benchmarks.peers_search", library, work, "0", "--trials", "2", "--epochs", "3", timeout=300
    )
