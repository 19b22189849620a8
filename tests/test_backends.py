"""Keras' backends: what is imported, what differs, and what goes from one to another."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from .backends import run_on

needs_jax = pytest.mark.skipif(
    find_spec("jax") is None, reason="JAX is not installed: pip install 'kerasearch[jax]'"
)

FIT_AND_SEARCH = """
import pickle, sys
import joblib, keras
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
import kerasearch
from kerasearch import KerasClassifier, KerasTransformer, summarize
X, y = load_iris(return_X_y=True)
network = KerasClassifier(epochs=2, dropout=0.1, validation_split=0.2, random_state=0,
                          callbacks=keras.callbacks.EarlyStopping(), store=sys.argv[1],
                          jit_compile="auto")
network.fit(X, y).partial_fit(X, y)
assert (pickle.loads(pickle.dumps(network)).predict(X) == network.predict(X)).all()
KerasTransformer(epochs=1, random_state=0).fit_transform(X)
search = GridSearchCV(network, {"optimizer": ["adam", "sgd"]}, cv=2, error_score="raise")
summarize(search.fit(X, y))
with joblib.parallel_config("threading", n_jobs=2):
    search.fit(X, y)
print(keras.backend.backend())
"""


@pytest.fixture
def no_tensorflow(tmp_path, monkeypatch):
    """Processes to come find a TensorFlow that notes who imports it, and fails."""
    noted = tmp_path / "imported.txt"
    package = tmp_path / "packages" / "tensorflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import traceback\n"
        f"print(''.join(traceback.format_stack()), file=open({str(noted)!r}, 'a'))\n"
        "raise ImportError('TensorFlow is not to be imported')\n"
    )
    path = os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    yield
    assert not noted.exists(), noted.read_text()


@needs_jax
@pytest.mark.slow
def test_on_jax_fits_searches_and_pickles_import_nothing_of_tensorflow(tmp_path):
    end = "print([n for n in sys.modules if n.partition('.')[0] == 'tensorflow'])"
    out = run_on("jax", FIT_AND_SEARCH + end, str(tmp_path / "store"))
    assert out.splitlines()[-2:] == ["jax", "[]"]


@needs_jax
@pytest.mark.long
@pytest.mark.slow
def test_the_command_line_and_its_workers_import_nothing_of_tensorflow(no_tensorflow, tmp_path):
    command = ["iris", "--epochs", "2", "--cv", "2", "--n-jobs", "2", "--report", "r.html"]
    command += ["--param", "hidden_layer_sizes=(3,),(4,)"]
    process = subprocess.run(
        [sys.executable, "-m", "kerasearch", *command, "--save", str(tmp_path / "best.joblib")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "best.joblib").exists()


@needs_jax
@pytest.mark.slow
def test_the_backend_may_be_named_in_keras_own_file(no_tensorflow, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    code = (
        "from kerasearch import KerasClassifier\n"
        "import keras, numpy as np\n"
        "KerasClassifier(epochs=1).fit(np.ones((9, 2)), np.arange(9) % 3)\n"
        "print(keras.backend.backend())\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "jax"


WRITE = """
import pickle, sys
from tests import portable_estimators as portable
written = {}
for name, estimator in portable.estimators().items():
    X, y = portable.rows_of(name)
    estimator.fit(X, y)
    written[name] = pickle.dumps(estimator), portable.outcome(name, estimator)
pickle.dump(written, open(sys.argv[1], "wb"))
"""
READ = """
import pickle, sys
import numpy as np
from tests import portable_estimators as portable
for name, (pickled, expected) in pickle.load(open(sys.argv[1], "rb")).items():
    estimator = pickle.loads(pickled)
    found = portable.outcome(name, estimator)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, err_msg=name)
    assert found.dtype == expected.dtype, name
    before = [w.copy() for w in estimator.model_.get_weights()]
    if hasattr(estimator, "partial_fit"):
        estimator.partial_fit(*portable.rows_of(name))
        after = estimator.model_.get_weights()
        assert any((a != b).any() for a, b in zip(after, before)), name
print("all the same")
"""


@needs_jax
@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("writer", "reader"), [("tensorflow", "jax"), ("jax", "tensorflow")])
def test_a_pickle_of_one_backend_predicts_and_trains_on_another(
    writer, reader, tmp_path, tmp_path_factory, monkeypatch
):
    # the second direction finds what the first compiled
    cache = tmp_path_factory.getbasetemp().parent / "jax"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(cache))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    file = str(tmp_path / "estimators.pickle")
    run_on(writer, WRITE, file)
    assert run_on(reader, READ, file).strip().endswith("all the same")


STORED = """
import sys
from kerasearch import KerasClassifier
from sklearn.datasets import load_iris
network = KerasClassifier(epochs=2, random_state=0, store=sys.argv[1])
print(network.fit(*load_iris(return_X_y=True)).n_epochs_trained_)
"""


@needs_jax
@pytest.mark.long
@pytest.mark.slow
def test_a_store_keeps_the_fits_of_backends_apart(tmp_path):
    runs = [run_on(b, STORED, str(tmp_path)).strip() for b in ("tensorflow", "jax") * 2]
    assert runs == ["2", "2", "0", "0"]


TORCH = """
import pickle, sys
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from kerasearch import KerasClassifier
X, y = load_iris(return_X_y=True)
network = KerasClassifier(dropout=0.2, epochs=2, validation_split=0.2, random_state=0)
proba = network.fit(X, y).predict_proba(X)
assert network.training_path_ == "model.fit"
assert network.training_reason_ == "the backend is torch"
assert (pickle.loads(pickle.dumps(network)).predict_proba(X) == proba).all()
assert (network.fit(X, y).predict_proba(X) == proba).all()
network.partial_fit(X, y)
assert network.n_epochs_ == 3
grid = {"optimizer__learning_rate": [0.1, 0.01]}
search = GridSearchCV(KerasClassifier(epochs=10, random_state=0), grid, cv=2, error_score="raise")
print(search.fit(X, y).best_score_ > 0.8)
try:
    KerasClassifier().fit(["some text"] * len(y), y)
except ValueError as error:
    print("models on PyTorch take numbers alone" in str(error))
"""


@pytest.mark.long
@pytest.mark.slow
def test_fits_and_searches_run_on_torch_by_keras_own_loop():
    pytest.importorskip("torch", reason="PyTorch is not installed, and no part of the extra 'dev'")
    assert run_on("torch", TORCH).split() == ["True", "True"]
