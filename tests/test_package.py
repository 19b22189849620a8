"""What importing the package does and does not do."""

from __future__ import annotations

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


@pytest.mark.slow
def test_the_estimators_load_without_a_word_from_tensorflow():
    process = run("from kerasearch import KerasClassifier; KerasClassifier()")
    assert process.returncode == 0
    assert process.stdout == process.stderr == ""


@pytest.mark.slow
def test_a_fit_through_keras_own_loop_is_silent_too():
    process = run(
        "import os; before = os.environ.get('TF_CPP_MIN_LOG_LEVEL')\n"
        "from kerasearch import KerasClassifier\n"
        "import keras, numpy as np\n"
        "stop = keras.callbacks.TerminateOnNaN\n"
        "X, y = np.ones((50, 3)), np.arange(50) % 2\n"
        "classifier = KerasClassifier(epochs=1, callbacks=stop).fit(X, y)\n"
        "assert classifier.training_path_ == 'model.fit'\n"
        "assert os.environ.get('TF_CPP_MIN_LOG_LEVEL') == before\n"
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == process.stderr == ""


@pytest.mark.slow
def test_what_is_not_chatter_still_reaches_standard_error():
    process = run(
        "import os, sys, types\n"
        "from kerasearch.estimators import quiet\n"
        "with quiet._without_chatter():\n"
        "    os.write(2, b'I0000 00:00:1795518936.4 1 port.cc:153] oneDNN\\n')\n"
        "    print('mine', file=sys.stderr)\n"
        "print('after', file=sys.stderr)\n"
    )
    assert process.stderr == "mine\nafter\n"


@pytest.mark.slow
def test_two_threads_that_start_at_once_leave_standard_error_where_it_was():
    process = run(
        "import os, threading, sys\n"
        "from kerasearch import KerasClassifier; from kerasearch.estimators import quiet\n"
        "before = os.fstat(2)\n"
        "barrier = threading.Barrier(2)\n"
        "def start():\n"
        "    barrier.wait()\n"
        "    quiet.start_devices()\n"
        "threads = [threading.Thread(target=start) for _ in range(2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert os.path.sameopenfile(2, 2) and os.fstat(2).st_ino == before.st_ino\n"
        "print('still here', file=sys.stderr)\n"
    )
    assert process.returncode == 0
    assert process.stderr == "still here\n"


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
