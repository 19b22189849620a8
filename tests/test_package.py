"""What importing the package does and does not do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import kerasearch


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_import_loads_neither_tensorflow_nor_keras_and_is_quick():
    code = (
        "import numpy, sys, time\n"
        "start = time.perf_counter()\n"
        "import kerasearch\n"
        "print(time.perf_counter() - start)\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'scikeras'} & set(sys.modules)\n"
    )
    processes = [run(code) for _ in range(3)]
    assert [p.returncode for p in processes] == [0, 0, 0], processes[0].stderr
    assert min(float(p.stdout) for p in processes) < 0.3


def test_every_public_name_is_there_and_documented():
    for name in kerasearch.__all__:
        value = getattr(kerasearch, name)
        assert name == "__version__" or value.__doc__, name
    assert set(kerasearch.__all__) <= set(dir(kerasearch))
    with pytest.raises(AttributeError, match="no attribute 'KerasClasifier'"):
        kerasearch.KerasClasifier  # noqa: B018


@pytest.mark.long
@pytest.mark.slow
def test_standard_error_and_the_environment_are_the_users():
    begin = (
        "import json, os, numpy as np\n"
        "def refuse(*args): raise AssertionError('standard error is turned aside')\n"
        "os.dup = os.dup2 = refuse\n"
    )
    fit = (
        "from kerasearch import KerasClassifier\n"
        "X, y = np.ones((50, 3)), np.arange(50) % 2\n"
        "KerasClassifier(epochs=1).fit(X, y)\n"
    )
    end = "print(json.dumps(dict(os.environ)))"
    plain, ours = run(f"{begin}import keras\n{end}"), run(begin + fit + end)
    assert (plain.returncode, ours.returncode) == (0, 0), ours.stderr
    assert json.loads(plain.stdout) == json.loads(ours.stdout)


@pytest.mark.long
@pytest.mark.slow
def test_a_fit_through_keras_own_loop_prints_nothing():
    process = run(
        "from kerasearch import KerasClassifier\n"
        "import keras, numpy as np\n"
        "stop = keras.callbacks.TerminateOnNaN\n"
        "X, y = np.ones((50, 3)), np.arange(50) % 2\n"
        "classifier = KerasClassifier(epochs=1, callbacks=stop).fit(X, y)\n"
        "assert classifier.training_path_ == 'model.fit'\n"
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""


@pytest.mark.long
@pytest.mark.slow
def test_keras_keeps_its_own_pickling_after_the_import():
    process = run(
        "import keras\n"
        "before = keras.Model.__reduce__, keras.losses.Loss.__reduce__\n"
        "from kerasearch import KerasClassifier\n"
        "assert (keras.Model.__reduce__, keras.losses.Loss.__reduce__) == before\n"
    )
    assert process.returncode == 0, process.stderr


def test_a_store_loads_neither_keras_nor_scikit_learn():
    process = run(
        "import sys; from kerasearch import FitStore; FitStore()\n"
        "assert not {'keras', 'tensorflow', 'sklearn'} & set(sys.modules)\n"
    )
    assert process.returncode == 0, process.stderr
