"""No figure stays open after a test, and none opens a window."""

import pytest

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed():
    plt.close("all")  # those of other tests, which old versions warn of when the backend changes
    plt.switch_backend("Agg")
    yield
    plt.close("all")
