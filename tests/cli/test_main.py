"""The command line, called as a function, and in a process of its own where that matters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest

from kerasearch import FitStore
from kerasearch.cli import arguments
from kerasearch.cli import main as command_line
from kerasearch.cli.errors import UsageError
from kerasearch.cli.main import main
from kerasearch.search.fit_errors import count_errors

REPOSITORY = Path(__file__).parents[2]


def run(*words):
    return main([str(word) for word in words])


def fails(capsys, *words, status=2):
    """Run, expect the exit status, and give the one line on standard error."""
    assert run(*words) == status
    error = capsys.readouterr().err
    assert error.startswith("kerasearch: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


def process(words, cwd=None):
    path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env=environment,
    )


# ---------------------------------------------------------------- errors: one line, status 2


@pytest.mark.parametrize(
    ("content", "words", "says"),
    [
        (None, ["--target", "y"], "no such file: data.csv"),
        ("", ["--target", "y"], "data.csv is empty"),
        ("x,y\n", ["--target", "y"], "has a header but no rows"),
        ("x,y\n1,2\n", [], "--target must name the column to predict in data.csv; the columns"),
        ("price,size\n1,2\n", ["--target", "pricee"], "no such column; did you mean price?"),
        ("x,y\n1,a\n2,a\n3,a\n", ["--target", "y"], "the target 'y' has only one value, a"),
        ("x,y\n1,\n2,\n", ["--target", "y"], "has no values"),
        ("x,y\n1,0.5\n2,0.1\n", ["--target", "y"], "2 rows cannot be split into 3 folds"),
        ("x,y\n1,a\n2,a\n3,a\n4,b\n", ["--target", "y"], "class b of 'y' has 1 row, fewer than"),
        (
            "x,y\n,a\n,b\n,a\n",
            ["--target", "y"],
            "no column to learn from; left out 'x': it has no val",
        ),
        (
            "x,y\n1,a\n2,b\n",
            ["--target", "y", "--task", "regression"],
            "needs numbers, but 'y' has values such as a",
        ),
        ("x,y\n1,.5\n2,1\n", ["--target", "y", "--task", "classification"], "such as 0.5"),
        ("x,y\n1,a\n2,b\n", ["--target", "y", "--drop", "z"], "--drop z: there is no such col"),
        ("x,y\n1,a\n2,b\n", ["--target", "y", "--drop", "y"], "this column is the target"),
        (b"x,y\n\xff,\xfe\n", ["--target", "y"], "not a CSV file in UTF-8"),
        ('x,y\n1,2,3,4\n"', ["--target", "y"], "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_one_line(capsys, content, words, says):
    if isinstance(content, bytes):
        Path("data.csv").write_bytes(content)
    elif content is not None:
        Path("data.csv").write_text(content)
    assert says in fails(capsys, "data.csv", *words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["irs"], "no such file: irs; did you mean iris?"),
        (["iris", "--target", "species"], "has its own target"),
        (["--cv", "1"], "'1' must be an integer of at least 2"),
        (["--n-jobs", "0"], "'0' must be an integer of at least 1"),
        (["--method", "greed"], "invalid choice: 'greed'"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--param", "x"], "must be name=values"),
        (["--param", "learning_rate=log(1,2)"], "is a distribution; add --method random"),
        (["--n-iter", "5"], "--n-iter is for --method random"),
        (["--timeout", "5"], "--timeout is for --method bayes or hyperband"),
        (["--method", "bayes", "--timeout", "0"], "'0' must be a positive number of seconds"),
        (["--method", "bayes", "--timeout", "nan"], "'nan' must be a positive number"),
        (["--method", "hyperband", "--n-iter", "5"], "number of candidates follows from --epochs"),
        (["--method", "hyperband", "--epochs", "2"], "--method hyperband needs at least 3"),
        (
            ["--method", "hyperband", "--param", "epochs=1,2"],
            "pass the largest number of epochs as --epochs",
        ),
        (["--epochs", "3", "--param", "epochs=1,2"], "exclude each other"),
        (["iris", "--scoring", "acuracy"], "no score of this name; did you mean accuracy"),
        (["iris", "--scoring", "roc_auc"], "does not suit this target: multi_class must be in"),
        (["diabetes", "--scoring", "accuracy"], "does not suit this target"),
        (["iris", "--cv", "51"], "class 0 of 'target' has 50 rows, fewer than the 51 folds"),
        (["--save", "missing/best.joblib"], "missing/best.joblib: No such file or directory"),
        (["--save", "."], "Is a directory"),
        (["--store", __file__], "cannot be used as a directory"),
        (["--report", "missing/a.html"], "--report missing/a.html: No such file or directory"),
        (["--report", "."], "--report .: Is a directory"),
        (["--model", "mymodule"], "must be MODULE:FUNCTION"),
        (["--model", "mymodule.py:build"], "must be MODULE:FUNCTION"),
        (["--model", "not_there:build"], "the module 'not_there' is neither"),
        (["iris", "--param", "hidden_layer_size=(3,)"], "did you mean hidden_layer_sizes?"),
        (
            ["iris", "--param", "optimizer=adam,sgd", "--param", "momentum=0.1,0.9"],
            "--param momentum: there is no such parameter with optimizer=adam",
        ),
        (["iris", "--seed", "99999999999999"], "99999999999999 must be at most 4294967295"),
    ],
)
def test_wrong_arguments_are_one_line(capsys, words, says):
    assert says in fails(capsys, *words)


@pytest.mark.parametrize(
    ("source", "function", "says"),
    [
        ("import not_there", "build", "failed with ModuleNotFoundError: No module named 'not_th"),
        ("def build(:", "build", "failed with SyntaxError: invalid syntax"),
        ("def build(meta): ...", "biuld", "has no 'biuld'; did you mean build?"),
        ("build = 3", "build", "must be a function, but is 3"),
    ],
)
def test_a_model_that_does_not_import_is_one_line(capsys, request, source, function, says):
    name = f"module_{abs(hash(request.node.name))}"
    Path(f"{name}.py").write_text(source)
    assert says in fails(capsys, "iris", "--model", f"{name}:{function}")


def test_the_path_to_save_to_is_tried_without_leaving_a_file(capsys):
    fails(capsys, "nope.csv", "--save", "best.joblib")
    assert not Path("best.joblib").exists()


@pytest.mark.slow
def test_help_and_wrong_arguments_need_no_tensorflow():
    code = (
        "import sys; from kerasearch.cli.main import main\n"
        "assert main(['nope.csv', '--param', 'epochs=1']) == 2\n"
        "try: main(['--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = process(["-c", code])
    assert done.returncode == 0, done.stderr
    assert "--param NAME=VALUES" in done.stdout


@pytest.mark.slow
def test_help_loads_no_library():
    code = (
        "import sys; from kerasearch.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'pandas', 'scipy', 'numpy', 'jinja2'}\n"
        "assert not heavy & set(sys.modules)"
    )
    done = process(["-c", code])
    assert done.returncode == 0, done.stderr


def test_the_line_before_the_import_of_keras_says_what_takes_seconds(capsys, monkeypatch):
    def stop(*args):
        raise UsageError("stopped here")

    monkeypatch.setattr(command_line, "_estimator", stop)
    for imported, announced in ((None, True), (keras, False)):
        monkeypatch.delitem(sys.modules, "keras", raising=False)
        if imported is not None:
            monkeypatch.setitem(sys.modules, "keras", imported)
        assert run("iris") == 2
        out = capsys.readouterr().out
        assert out.startswith("iris: 150 rows")
        assert (
            "\nStarting Keras and its backend, which takes a few seconds ..." in out
        ) == announced


# ---------------------------------------------------------------- searches


def rows_of(output):
    """The table's rows as lists of words."""
    lines = output.split("fit time\n")[1].split("\n\n")[0].splitlines()
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def test_a_grid_search_prints_the_ranked_candidates(capsys):
    status = run("iris", "--epochs", 10, "--param", "learning_rate=0.1,0.0001")
    out, err = capsys.readouterr()
    assert status == 0
    assert "iris: 150 rows, 4 numeric columns, classification into 3 classes" in out
    assert "Grid search: 2 candidates x 3 folds = 6 fits of 10 epochs" in out
    rows = rows_of(out)
    assert [row[:2] for row in rows] == [["1", "0.1"], ["2", "0.0001"]]
    assert float(rows[0][2].split(" ± ")[0]) > 0.9
    assert "Best: learning_rate=0.1\n" in out
    assert re.search(r"a model that ignores the features scores 0\.3[0-9]{3}", out)
    assert "python -m kerasearch iris --epochs 10 --param learning_rate=0.1 --save" in out
    assert err.splitlines()[-1].startswith("6/6 fits, best so far 0.9")


def test_the_same_seed_prints_the_same_scores(capsys):
    tables = []
    for _ in range(2):
        run("wine", "--epochs", 2, "--cv", 2, "--param", "batch_size=32", "--seed", 7)
        tables.append([row[:3] for row in rows_of(capsys.readouterr().out)])
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_a_random_search_draws_as_many_candidates_as_told(capsys):
    run(
        *("diabetes", "--method", "random", "--n-iter", 3, "--epochs", 5, "--cv", 2),
        *("--param", "learning_rate=log(5e-3,2e-2)", "--param", "dropout=uniform(0,0.2)"),
    )
    rows = rows_of(capsys.readouterr().out)
    assert len(rows) == 3
    assert all(0.005 <= float(row[1]) <= 0.02 and 0 <= float(row[2]) <= 0.2 for row in rows)
    assert float(rows[0][3].split(" ± ")[0]) > 0.3  # of a target that is not scaled: r2 below 0


def test_a_random_search_of_few_combinations_tries_each_once(capsys):
    run("iris", "--method", "random", "--epochs", 1, "--cv", 2, "--param", "batch_size=50,75")
    assert {row[1] for row in rows_of(capsys.readouterr().out)} == {"50", "75"}


def test_a_bayesian_search_is_in_the_same_table_and_stops_in_time(capsys):
    pytest.importorskip("optuna")
    status = run("iris", "--method", "bayes", "--n-iter", 4, "--epochs", 2, "--cv", 2)
    out = capsys.readouterr().out
    assert status == 0
    assert "Bayesian search: 4 candidates x 2 folds = 8 fits of 2 epochs" in out
    assert len(rows_of(out)) == 4
    assert "python -m kerasearch iris --epochs 2 --cv 2 --method bayes --param" in out
    run("iris", "--method", "bayes", "--timeout", 0.01, "--epochs", 2, "--cv", 2)
    out = capsys.readouterr().out
    assert "The time limit was reached" in out
    assert len(rows_of(out)) == 1


@pytest.mark.slow
def test_hyperband_shows_the_candidates_with_the_most_epochs(capsys, tmp_path):
    save = tmp_path / "best.joblib"
    status = run("iris", "--method", "hyperband", "--epochs", 3, "--cv", 2, "--save", save)
    out = capsys.readouterr().out
    assert status == 0
    assert "Hyperband: 6 candidates x 2 folds = 12 fits of 1 to 3 epochs" in out
    *rows, left_out = rows_of(out)
    assert len(rows) == 3
    assert left_out[0].startswith("The table leaves out 3 candidates with fewer epochs")
    assert "12 fits took" in out
    assert joblib.load(save)[-1].n_epochs_ == 3


def test_ctrl_c_in_a_bayesian_search_keeps_what_is_finished(capsys, monkeypatch):
    pytest.importorskip("optuna")
    from kerasearch import KerasClassifier

    fits = []

    def interrupted(self, *args, _fit=KerasClassifier.fit, **kwargs):
        fits.append(1)
        if len(fits) > 4:
            raise KeyboardInterrupt
        return _fit(self, *args, **kwargs)

    monkeypatch.setattr(KerasClassifier, "fit", interrupted)
    status = run("iris", "--method", "bayes", "--epochs", 1, "--cv", 2)
    out = capsys.readouterr().out
    assert status == 0
    assert "The search was interrupted. The table has the candidates" in out
    assert len(rows_of(out)) == 2


def test_a_failing_candidate_is_last_and_the_reason_is_given(capsys):
    status = run("iris", "--epochs", 1, "--cv", 2, "--param", "learning_rate=1e38,0.01")
    out = capsys.readouterr().out
    assert status == 0
    assert [row[1] for row in rows_of(out)] == ["0.01", "1e+38"]
    assert rows_of(out)[1][2] == "failed"
    assert "2 fits failed: kerasearch.exceptions.DivergenceError: " in out


def test_where_every_candidate_fails_the_first_error_is_the_message(capsys):
    error = fails(capsys, "iris", "--cv", 2, "--param", "learning_rate=1e38,1e37", status=1)
    assert "every fit failed: kerasearch.exceptions.DivergenceError: " in error


# ---------------------------------------------------------------- names and values of --param


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lr", "--param lr: there is no such parameter; did you mean learning_rate?"),
        ("optimizer__lr", "--param optimizer__lr: there is no such parameter; did you mean learn"),
        ("network__optimizer__lr", "did you mean learning_rate?"),
        ("model__learning_rate", "did you mean optimizer__learning_rate?"),
        ("epoch", "--param epoch: there is no such parameter; did you mean epochs?"),
        ("max_iter", "did you mean epochs?"),
        ("solver", "did you mean optimizer?"),
        ("seed", "--param seed: there is no such parameter; use the option --seed"),
        ("n_iter", "--param n_iter: there is no such parameter; use the option --n-iter"),
        (
            "frobnicate",
            "; known parameters are hidden_layer_sizes, activation, dropout, batch_norm, l2",
        ),
    ],
)
@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_a_name_that_nothing_takes_leads_to_the_right_one(capsys, data, name, says):
    error = fails(capsys, data, "--param", f"{name}=1")
    assert says in error
    assert not re.search("Pipeline|get_params|regressor__|Invalid", error)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--epoch", "3"], "unrecognized arguments: --epoch 3; did you mean --epochs?"),
        (["--n_job", "2"], "did you mean --n-jobs?"),
        (["--stor=a"], "did you mean --store?"),
        (["--learning-rate", "1"], "pass a hyperparameter as --param learning_rate=VALUES"),
    ],
)
def test_an_option_that_is_not_there_leads_to_the_right_one(capsys, words, says):
    assert says in fails(capsys, "iris", *words)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["batch_size=0"], "--param batch_size=0 must be an integer of at least 1; -1 means all"),
        (["batch_size=32,64,0,16"], "--param batch_size=0 must be an integer of at least 1"),
        (["batch_size=16,2.5,32"], "--param batch_size=2.5 must be an integer"),
        (["dropout=2"], "--param dropout=2 must be a number in [0, 1)"),
        (["dropout=0.1,1,0.5"], "--param dropout=1 must be a number in [0, 1)"),
        (["model__dropout=0.1,-1"], "--param model__dropout=-1 must be a number in [0, 1)"),
        (["epochs=-1"], "--param epochs=-1 must be an integer of at least 0"),
        (["epochs=5,-1,10"], "--param epochs=-1 must be"),
        (["learning_rate=-1"], "--param learning_rate=-1 must be a finite number of at least 0"),
        (["learning_rate=0.1,-0.1,1"], "--param learning_rate=-0.1 must be a finite number"),
        (["learning_rate=high"], "--param learning_rate=high: Argument `learning_rate` should be"),
        (["optimizer=sgd", "momentum=0.9,2"], "--param momentum=2: `momentum` must be"),
        (["activation=relu,rleu"], "--param activation=rleu is not in keras.activations; did"),
        (["optimizer=adam,adm"], "--param optimizer=adm is not in keras.optimizers; did you"),
        (["hidden_layer_sizes=(8,),(8,0)"], "--param hidden_layer_sizes=(8,0) must hold positive"),
        (["validation_split=0.2,2"], "--param validation_split=2 must be a number in [0, 1)"),
        (["dropout=0.1,0.2", "l2=-1,0.1"], "--param l2=-1 must be a number of at least 0"),
    ],
)
def test_a_value_that_nothing_can_be_trained_with_is_said_before_training(
    capsys, monkeypatch, values, says
):
    from kerasearch import KerasClassifier

    monkeypatch.setattr(KerasClassifier, "fit", None)  # nothing is to get that far
    words = [word for value in values for word in ("--param", value)]
    assert says in fails(capsys, "iris", *words)


@pytest.mark.parametrize("method", ["random", "hyperband"])
def test_bounds_of_a_distribution_are_tried_before_training(capsys, method):
    words = ("diabetes", "--method", method)
    says = "--param dropout=uniform(0,2): 2.0 must be a number in [0, 1)"
    assert says in fails(capsys, *words, "--param", "dropout=uniform(0,2)")
    says = "--param batch_size=int(0,64): 0 must be an integer of at least 1"
    assert says in fails(capsys, *words, "--param", "batch_size=int(0,64)")
    says = "--param l2=choice(0.1,-1): -1 must be a number of at least 0"
    assert says in fails(capsys, *words, "--param", "l2=choice(0.1,-1)")


def test_class_weights_of_no_kind_are_said_before_training(capsys):
    error = fails(capsys, "iris", "--param", "class_weight=balanced,blanced")
    assert "--param class_weight=blanced" in error


def test_a_value_that_another_parameter_may_make_right_is_left_to_the_search(capsys):
    Path("paired.py").write_text(
        "import keras\n"
        "def build(meta, width, parts):\n"
        "    if width % parts:\n"
        "        raise ValueError('the width cannot be parted')\n"
        "    inputs = keras.Input((meta['n_features_in_'],))\n"
        "    return keras.Model(inputs, keras.layers.Dense(3, 'softmax')(inputs))\n"
    )
    status = run(
        *("iris", "--model", "paired:build", "--param", "width=4,9", "--param", "parts=2,3"),
        *("--epochs", 1, "--cv", 2),
    )
    rows = rows_of(capsys.readouterr().out)
    assert status == 0
    assert {tuple(row[1:3]) for row in rows if row[3] != "failed"} == {("4", "2"), ("9", "3")}


def test_ctrl_c_is_one_line_and_status_130(capsys, monkeypatch):
    from sklearn.model_selection import GridSearchCV

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(GridSearchCV, "fit", interrupted)
    assert run("iris") == 130
    assert capsys.readouterr().err == "kerasearch: interrupted; nothing was saved\n"


@pytest.mark.slow
def test_a_model_of_ones_own_is_searched_by_its_arguments(capsys):
    Path("own_builder.py").write_text(
        "import keras\n"
        "def build(meta, units):\n"
        "    inputs = keras.Input((meta['n_features_in_'],))\n"
        "    hidden = keras.layers.Dense(units, 'relu')(inputs)\n"
        "    return keras.Model(inputs, keras.layers.Dense(3, 'softmax')(hidden))\n"
    )
    status = run(
        *("iris", "--model", "own_builder:build", "--param", "units=4,8"),
        *("--epochs", 1, "--cv", 2),
    )
    assert status == 0
    assert {row[1] for row in rows_of(capsys.readouterr().out)} == {"4", "8"}
    assert str(Path.cwd()) not in sys.path


@pytest.mark.long
@pytest.mark.slow
def test_what_is_saved_predicts_raw_rows_in_a_fresh_process(shop, capsys):
    status = run(
        *(shop.name, "--target", "label", "--epochs", 15, "--cv", 2, "--save", "best.joblib"),
        *("--param", "learning_rate=0.02", "--n-jobs", 2),
    )
    out = capsys.readouterr().out
    assert status == 0
    code = (
        "import joblib, json, pandas\n"
        f"best = joblib.load('best.joblib')\nframe = pandas.read_csv('{shop.name}')\n"
        "print(json.dumps([list(best.predict(frame)), best.predict_proba(frame).tolist()]))"
    )
    done = process(["-c", code], cwd=shop.parent)
    assert done.returncode == 0, done.stderr
    labels, probabilities = json.loads(done.stdout)
    frame = pd.read_csv(shop)
    assert np.mean(frame["label"] == labels) > 0.8
    np.testing.assert_array_equal(
        joblib.load("best.joblib").predict_proba(frame), np.array(probabilities)
    )
    # the lines that the report shows
    lines = out.split("in Python:\n\n")[1]
    shown = process(["-c", lines], cwd=shop.parent)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("['")


@pytest.mark.long
@pytest.mark.slow
def test_the_same_search_in_python_gives_the_same_scores(capsys, tmp_path):
    store = tmp_path / "fits"
    args = ("iris", "--epochs", 2, "--cv", 3, "--param", "learning_rate=0.01,0.1")
    assert run(*args, "--store", store) == 0
    out = capsys.readouterr().out
    lines = out.split("in Python:\n\n")[1]
    shown = process(["-c", f"{lines}\nprint(search.cv_results_['mean_test_score'].max())"])
    assert shown.returncode == 0, shown.stderr
    best = float(shown.stdout.splitlines()[-1])
    assert f"{best:.4f}" in " ".join(rows_of(out)[0])
    # nothing but the fit on all rows was left to train
    assert len(FitStore(store)) == 2 * 3 + 1


@pytest.mark.slow
def test_a_report_is_written_beside_what_is_printed(capsys):
    status = run(
        *("iris", "--epochs", 2, "--cv", 2, "--report", "found.html"),
        *("--param", "learning_rate=1e38,0.1,0.01"),
    )
    assert status == 0
    assert "Wrote the report to found.html." in capsys.readouterr().out
    page = Path("found.html").read_text()
    assert "<h1>accuracy on iris</h1>" in page
    assert "mean accuracy" in page
    assert "DivergenceError" in page


def test_without_arguments_it_is_the_textbook_search_on_the_digits():
    args = arguments.make_parser().parse_args([])
    assert (args.data, args.method, args.cv, args.seed, args.n_jobs) == ("digits", "grid", 3, 0, 1)
    assert arguments.typed_space(args) == {
        "learning_rate": [0.01, 0.001, 0.0001],
        "batch_size": [32, 64],
    }


@pytest.mark.long
@pytest.mark.slow
def test_the_digits_are_searched_in_silence():
    done = process(["-m", "kerasearch"])
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert len(rows) == 6
    assert {(row[1], row[2]) for row in rows} == {
        (rate, size) for rate in ("0.01", "0.001", "0.0001") for size in ("32", "64")
    }
    assert float(rows[0][3].split(" ± ")[0]) > 0.95
    assert all(re.match(r"\d+/18 fits, ", line) for line in done.stderr.splitlines())


def test_a_traceback_of_scikit_learn_is_read_for_its_error():
    message = (
        "\n3 fits failed out of a total of 6.\nBelow are more details about the failures:\n"
        "---\n1 fits failed with the following error:\nTraceback (most recent call last):\n"
        '  File "a.py", line 1, in f\n    raise KeyError(3)\nKeyError: 3\n\nDuring handling of the'
        " above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
        "pkg.errors.OtherError: what it was\nand more\n"
        "---\n2 fits failed with the following error:\nTraceback (most recent call last):\n"
        "ValueError: bad\n"
    )
    errors = {"ValueError: bad": 2, "pkg.errors.OtherError: what it was\nand more": 1}
    assert count_errors(message) == errors


@pytest.mark.slow
def test_a_store_makes_the_same_command_read_what_it_has_trained(capsys):
    words = ("iris", "--epochs", 2, "--param", "batch_size=16,32", "--cv", 2, "--store", "runs")
    statuses, tables = [], []
    for more in ((), ("--save", "best.joblib")):
        statuses.append(run(*words, *more))
        tables.append([row[:-1] for row in rows_of(capsys.readouterr().out)])
    assert statuses == [0, 0]
    assert tables[0] == tables[1]
    fits = list(FitStore("runs"))
    assert [(fit.epochs, fit.n_rows) for fit in fits] == [(2, 75)] * 4 + [(2, 150)]
    assert joblib.load("best.joblib")["network"].store is None
