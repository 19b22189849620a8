"""The command line, called as a function, and in a process of its own where that matters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from kerasearch import FitStore, layer_sizes
from kerasearch._utils.text import duration
from kerasearch.cli import arguments
from kerasearch.cli.data import load
from kerasearch.cli.errors import UsageError
from kerasearch.cli.main import count_errors, main
from kerasearch.cli.output import Result, describe_result, table
from kerasearch.cli.parameters import describe, parse, resolve, show
from kerasearch.cv_results.reading import read

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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


@pytest.fixture
def shop(tmp_path):
    """A file such as people have: text, booleans, dates, gaps, an identifier, an empty column."""
    rng = np.random.default_rng(0)
    n = 150
    age = rng.integers(18, 80, n).astype(float)
    city = rng.choice(["Oslo", "Rome", "Bern"], n).astype(object)
    frame = pd.DataFrame(
        {
            "row": np.arange(n),
            "age": age,
            "city": city,
            "member": rng.choice([True, False], n).astype(object),
            "joined": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "note": [f"text {i}" for i in range(n)],
            "nothing": np.nan,
            "label": np.where((age > 45) ^ (city == "Rome"), "yes", "no"),
            "price": 1000 * age + rng.normal(0, 500, n),
            "stars": rng.integers(1, 6, n),
        }
    )
    for column, rows in {"age": [1, 5], "city": [2], "member": [3, 4], "label": [7]}.items():
        frame.loc[rows, column] = None
    frame.to_csv(tmp_path / "shop.csv", index=False)
    return tmp_path / "shop.csv"


# ---------------------------------------------------------------- values of --param


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.01,0.001", [0.01, 0.001]),
        ("1e-4", [0.0001]),
        ("relu, tanh", ["relu", "tanh"]),
        ("(64,),(64,64)", [(64,), (64, 64)]),
        ("[1,2],{0:1,1:2}", [[1, 2], {0: 1, 1: 2}]),
        ("True,false,None", [True, False, None]),
        ("'a,b',c", ["a,b", "c"]),
        ("32,64,32", [32, 64]),
        ("1,True,1.0", [1, True, 1.0]),
        ("(64,),", [(64,)]),
        ("(64,64)", [(64, 64)]),
        ("-1,+2,-0.5", [-1, 2, -0.5]),
        ("NONE,(relu,None),[tanh,true]", [None, ("relu", None), ["tanh", True]]),
        ("{-1:1,(1,2):low}", [{-1: 1, (1, 2): "low"}]),
        ("he-normal,glorot.uniform,he_normal", ["he-normal", "glorot.uniform", "he_normal"]),
        ("'in',\"it's\"", ["in", "it's"]),
    ],
)
def test_a_list_is_read_as_python_literals_and_words(text, values):
    read = parse([f"x={text}"])["x"]
    assert read == values
    assert list(map(type, read)) == list(map(type, values))


def test_a_distribution_has_both_of_its_bounds():
    space = parse(["a=log(1e-4,1e-1)", "b=uniform(0, 0.5)", "c=int(1,3)", "d=logint(1,4)"])
    rng = np.random.RandomState(0)
    assert space["a"].support() == (1e-4, 1e-1)
    assert space["b"].support() == (0, 0.5)
    assert {space["c"].rvs(rng) for _ in range(100)} == {1, 2, 3}
    assert {space["d"].rvs(rng) for _ in range(200)} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "text",
    [
        "log(0.0001,0.1)",
        "uniform(0,0.5)",
        "int(1,3)",
        "int(16,128,step=16)",
        "logint(1,4)",
        "choice(relu,'a b',None,1.0)",
        "layer_sizes((1,3),(16,128),funnel)",
    ],
)
def test_a_distribution_is_written_as_it_was_typed(text):
    assert describe(parse([f"x={text}"])["x"]) == text


def test_forms_of_distributions_may_leave_out_and_name_arguments():
    typed = [
        "a=layer_sizes()",
        "b=layer_sizes(2,shape=constant)",
        "c=int(16,64,16)",
        "d=choice(1,1,2)",
    ]
    space = parse(typed)
    assert space["a"] == layer_sizes()
    assert space["b"] == layer_sizes(2, shape="constant")
    assert list(space["c"]) == [16, 32, 48, 64]
    assert list(space["d"]) == [1, 2]


def test_distributions_are_read_by_their_names_in_python_too():
    typed = ["a=log_uniform(1e-4,high=1)", "b=integers(1,5,2)", "c=log_integers(1,4)"]
    short = ["a=log(1e-4,1)", "b=int(1,5,step=2)", "c=logint(1,4)"]
    assert parse(typed) == parse(short)


@pytest.mark.parametrize("word", ["relu", "he-normal", "none", "True", "in", "a b", "it's", "é"])
def test_a_word_is_shown_as_it_must_be_typed(word):
    assert parse([f"x={show(word)}"]) == {"x": [word]}


@pytest.mark.parametrize(
    "text",
    [
        "open('ran','w')",
        "log(open('ran','w'),2)",
        "[open('ran','w')]",
        "[open('ran','w') for x in 'a']",
        "f'{open(chr(97),chr(119))}'",
        "(x:=1)",
        "lambda: 1",
        "1],[2",
        "1 if a else 2",
        "a.b()",
        "x()[0]",
        "2*3",
        "log(*a)",
        "log(**a)",
        "1,...",
        "{1,2}",
        "{[1]:2}",
        "{**a}",
        "a\\",
        "[" * 150 + "]" * 150 + "x",
        "x" + ".x" * 2000,
        "(" * 1000,
        "9" * 5000,
    ],
)
def test_nothing_is_evaluated(text):
    with pytest.raises(UsageError, match="--param x="):
        parse([f"x={text}"])
    assert list(Path.cwd().iterdir()) == []


def test_lists_of_one_name_are_joined():
    assert parse(["x=1,2", "x=2,3"]) == {"x": [1, 2, 3]}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["x"], "not name=values"),
        (["=3"], "not name=values"),
        (["x="], "a value is missing"),
        (["x=1,,2"], "--param x=1,,2: invalid syntax at ',2'; values have commas between them"),
        (["x=(1,2"], "'(' was never closed at '(1,2'"),
        (["x=1)"], "unmatched ')' at ')'"),
        (["x='a"], "unterminated string literal"),
        (["x=0.01;0.02"], "invalid syntax at ';0.02'"),
        (["x=a b"], "what is neither a number nor a plain word has quotes"),
        (["x=3d"], "what is neither a number nor a plain word has quotes"),
        (["x=3-d"], "3 - d is neither a number, a word nor another value; text has quotes"),
        (["x=log(1,2),3"], "log(1, 2) must stand alone"),
        (["x=normal(0,1)"], "the distributions are log(low,high), uniform(low,high"),
        (["x=log(0,1)"], "--param x=log(0,1): low=0.0 must be above 0"),
        (["x=uniform(2,1)"], "low=2.0 must be below high=1.0"),
        (["x=int(1,2.5)"], "high=2.5 must be an integer"),
        (["x=int(1,8,3)"], "step=3 does not fit"),
        (["x=log(1,2,3)"], "is not of the form log(low,high)"),
        (["x=log(1,high=2,base=3)"], "is not of the form log(low,high)"),
        (["x=log(low=1,low=2,high=3)"], "an argument is given twice"),
        (["x=log_integers(1)"], "is not of the form log_integers(low,high)"),
        (["x=choice()"], "the list of values is empty"),
        (["x=layer_sizes(3,8,cone)"], "shape='cone' must be one of free, constant, funnel"),
        (["x=log(1,2)", "x=3"], "given twice"),
    ],
)
def test_an_unreadable_param_says_what_is_wrong(options, says):
    with pytest.raises(UsageError) as error:
        parse(options)
    assert says in str(error.value)


class TestNames:
    @pytest.fixture
    def pipeline(self):
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        from kerasearch import KerasClassifier

        return Pipeline([("scale", StandardScaler()), ("network", KerasClassifier())])

    @pytest.mark.parametrize(
        ("name", "full"),
        [
            ("learning_rate", "network__optimizer__learning_rate"),
            ("optimizer__learning_rate", "network__optimizer__learning_rate"),
            ("network__optimizer__learning_rate", "network__optimizer__learning_rate"),
            ("hidden_layer_sizes", "network__model__hidden_layer_sizes"),
            ("dropout", "network__model__dropout"),
            ("epochs", "network__epochs"),
            ("batch_size", "network__batch_size"),
            ("scale__with_mean", "scale__with_mean"),
        ],
    )
    def test_short_routed_and_full_names_are_found(self, pipeline, name, full):
        assert resolve(pipeline, {name: [1]}) == {full: [1]}

    def test_arguments_of_the_optimizer_that_is_searched_are_found(self, pipeline):
        space = {"momentum": [0.9], "optimizer": ["sgd"]}
        resolved = resolve(pipeline, space)
        assert list(resolved) == ["network__optimizer__momentum", "network__optimizer"]

    def test_an_argument_without_default_is_found(self, pipeline):
        pipeline.set_params(network__model=lambda units: None)
        assert list(resolve(pipeline, {"units": [1]})) == ["network__model__units"]

    def test_an_unknown_name_has_the_nearest(self, pipeline):
        with pytest.raises(UsageError, match="no such parameter; did you mean learning_rate"):
            resolve(pipeline, {"learning_rte": [1]})

    def test_one_parameter_by_two_names_is_refused(self, pipeline):
        space = {"learning_rate": [1], "optimizer__learning_rate": [2]}
        with pytest.raises(UsageError, match="are the same parameter"):
            resolve(pipeline, space)


# ---------------------------------------------------------------- data


def test_columns_are_sorted_by_what_they_hold(shop):
    data = load(str(shop), "label", None, ["price"])
    assert (data.numbers, data.dates) == (["age", "stars"], ["joined"])
    assert data.categories == ["city", "member"]
    assert data.task == "classification"
    assert len(data.y) == 149
    assert data.notes == [
        "left out 1 row without a value of 'label'",
        "left out price, as told",
        "left out 'row': it numbers the rows",
        "left out 'note': 149 distinct texts in 149 rows, too many to learn from",
        "left out 'nothing': no values",
    ]


def test_preprocessing_takes_rows_that_look_different_from_the_training_rows(shop):
    data = load(str(shop), "label", None, ["stars"])
    encoder = data.preprocessing().fit(data.X)
    names = list(encoder.get_feature_names_out())
    rows = pd.DataFrame(
        [
            {"age": None, "price": "?", "joined": None, "city": "Mars", "member": True},
            {"age": 40, "price": 1e4, "joined": "2020-03-01", "city": None, "member": "True"},
        ]
    )
    encoded = pd.DataFrame(encoder.transform(rows), columns=names)
    assert encoded.notna().all(axis=None)
    medians = (data.X[["age", "price"]].median() - data.X[["age", "price"]].mean()).abs()
    assert (encoded.loc[0, ["age", "price"]].abs() < medians).all()
    cities = [name for name in names if name.startswith("city_")]
    assert encoded.loc[0, cities].sum() == 0
    assert encoded.loc[1, "city_(missing)"] == 1
    assert list(encoded["member_True"]) == [1, 1]


@pytest.mark.parametrize(
    ("values", "task", "dtype"),
    [
        (["a", "b"] * 20, "classification", object),
        ([True, False] * 20, "classification", bool),
        ([0, 1, 2, 3] * 10, "classification", np.int64),
        ([0.0, 1.0, np.nan, 1.0] * 10, "classification", np.int64),
        (list(range(40)), "regression", float),
        ([0.5, 1.0] * 20, "regression", float),
    ],
)
def test_the_task_follows_from_the_target(tmp_path, values, task, dtype):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40), "y": values})
    frame.to_csv(tmp_path / "data.csv", index=False)
    data = load(str(tmp_path / "data.csv"), "y", None)
    assert (data.task, data.y.dtype) == (task, dtype)


def test_few_whole_numbers_can_be_a_regression(tmp_path):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40), "y": [1, 2, 3, 4] * 10})
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert "--task regression" in load(str(tmp_path / "data.csv"), "y", None).notes[0]
    assert load(str(tmp_path / "data.csv"), "y", "regression").task == "regression"


def test_a_file_with_semicolons_and_question_marks_is_read(tmp_path):
    (tmp_path / "data.csv").write_text("a; b\n1; x\n?; y\n3; x\n")
    data = load("data.csv", "b", None)
    assert data.read_options == {"sep": ";", "skipinitialspace": True}
    assert data.numbers == ["a"]
    assert list(data.y) == ["x", "y", "x"]


def test_a_text_column_of_many_values_keeps_the_frequent_ones(tmp_path):
    words = [f"w{i}" for i in range(60)] * 3 + ["often"] * 60
    pd.DataFrame({"word": words, "y": [0, 1] * 120}).to_csv("data.csv", index=False)
    data = load("data.csv", "y", None)
    assert data.preprocessing().fit_transform(data.X).shape == (240, 50)


# ---------------------------------------------------------------- errors: one line, status 2


@pytest.mark.parametrize(
    ("content", "words", "says"),
    [
        (None, ["--target", "y"], "no such file: data.csv"),
        ("", ["--target", "y"], "data.csv is empty"),
        ("x,y\n", ["--target", "y"], "has a header and no rows"),
        ("x,y\n1,2\n", [], "--target COLUMN must say what to predict in data.csv; its columns"),
        ("price,size\n1,2\n", ["--target", "pricee"], "no such column; did you mean price?"),
        ("x,y\n1,a\n2,a\n3,a\n", ["--target", "y"], "'y' has one value alone, a"),
        ("x,y\n1,\n2,\n", ["--target", "y"], "has no values"),
        ("x,y\n1,0.5\n2,0.1\n", ["--target", "y"], "2 rows cannot make 3 folds"),
        ("x,y\n1,a\n2,a\n3,a\n4,b\n", ["--target", "y"], "class b of 'y' has 1 row, fewer than"),
        ("x,y\n,a\n,b\n,a\n", ["--target", "y"], "no column to learn from; left out 'x': no val"),
        ("x,y\n1,a\n2,b\n", ["--target", "y", "--task", "regression"], "needs numbers; 'y' has a"),
        ("x,y\n1,.5\n2,1\n", ["--target", "y", "--task", "classification"], "such as 0.5"),
        ("x,y\n1,a\n2,b\n", ["--target", "y", "--drop", "z"], "--drop z: there is no such col"),
        ("x,y\n1,a\n2,b\n", ["--target", "y", "--drop", "y"], "that is the target"),
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
        (["--cv", "1"], "'1' must be a whole number of at least 2"),
        (["--n-jobs", "0"], "'0' must be a whole number of at least 1"),
        (["--method", "greed"], "invalid choice: 'greed'"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--param", "x"], "not name=values"),
        (["--param", "learning_rate=log(1,2)"], "is a distribution: add --method random"),
        (["--n-iter", "5"], "--n-iter is for --method random"),
        (["--timeout", "5"], "--timeout is for --method bayes or hyperband"),
        (["--method", "bayes", "--timeout", "0"], "'0' must be a positive number of seconds"),
        (["--method", "bayes", "--timeout", "nan"], "'nan' must be a positive number"),
        (["--method", "hyperband", "--n-iter", "5"], "Hyperband's follow from --epochs"),
        (["--method", "hyperband", "--epochs", "2"], "--method hyperband needs at least 3"),
        (["--method", "hyperband", "--param", "epochs=1,2"], "--epochs says how many at most"),
        (["--epochs", "3", "--param", "epochs=1,2"], "exclude each other"),
        (["iris", "--scoring", "acuracy"], "no such score; did you mean accuracy"),
        (["iris", "--scoring", "roc_auc"], "does not suit this target: multi_class must be in"),
        (["diabetes", "--scoring", "accuracy"], "does not suit this target"),
        (["iris", "--cv", "51"], "class 0 of 'target' has 50 rows, fewer than the 51 folds"),
        (["--save", "missing/best.joblib"], "missing/best.joblib: No such file or directory"),
        (["--save", "."], "Is a directory"),
        (["--store", __file__], "cannot be used as a directory"),
        (["--report", "missing/a.html"], "--report missing/a.html: No such file or directory"),
        (["--report", "."], "--report .: Is a directory"),
        (["--model", "mymodule"], "is not MODULE:FUNCTION"),
        (["--model", "mymodule.py:build"], "is not MODULE:FUNCTION"),
        (["--model", "not_there:build"], "there is no module 'not_there'"),
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
        ("build = 3", "build", "is not a function but 3"),
    ],
)
def test_a_model_that_does_not_import_is_one_line(capsys, request, source, function, says):
    name = f"module_{abs(hash(request.node.name))}"
    Path(f"{name}.py").write_text(source)
    assert says in fails(capsys, "iris", "--model", f"{name}:{function}")


def test_the_path_to_save_to_is_tried_without_leaving_a_file(capsys):
    fails(capsys, "nope.csv", "--save", "best.joblib")
    assert not Path("best.joblib").exists()


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
    assert re.search(r"a model that ignores the features has 0\.3[0-9]{3}", out)
    assert "python -m kerasearch iris --epochs 10 --param learning_rate=0.1 --save" in out
    assert err.splitlines()[-1].startswith("6/6 fits, best so far 0.9")


def test_the_same_seed_prints_the_same_scores(capsys):
    tables = []
    for _ in range(2):
        run("wine", "--epochs", 2, "--cv", 2, "--param", "batch_size=32", "--seed", 7)
        tables.append([row[:3] for row in rows_of(capsys.readouterr().out)])
    assert tables[0] == tables[1]


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
    assert "The time was up" in out
    assert len(rows_of(out)) == 1


def test_hyperband_shows_the_candidates_with_the_most_epochs(capsys, tmp_path):
    save = tmp_path / "best.joblib"
    status = run("iris", "--method", "hyperband", "--epochs", 3, "--cv", 2, "--save", save)
    out = capsys.readouterr().out
    assert status == 0
    assert "Hyperband: 6 candidates x 2 folds = 12 fits of 1 to 3 epochs" in out
    assert len(rows_of(out)) == 3
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
    assert "Interrupted; this is what was finished" in out
    assert len(rows_of(out)) == 2


def test_a_failing_candidate_is_last_and_the_reason_is_given(capsys):
    status = run("iris", "--epochs", 1, "--cv", 2, "--param", "activation=rleu,relu")
    out = capsys.readouterr().out
    assert status == 0
    assert [row[1] for row in rows_of(out)] == ["relu", "rleu"]
    assert rows_of(out)[1][2] == "failed"
    assert "2 fits failed: ValueError: Could not interpret activation function" in out


def test_where_every_candidate_fails_the_first_error_is_the_message(capsys):
    error = fails(capsys, "iris", "--cv", 2, "--param", "activation=rleu,rlue", status=1)
    assert "every fit failed: ValueError: Could not interpret activation" in error


def test_ctrl_c_is_one_line_and_status_130(capsys, monkeypatch):
    from sklearn.model_selection import GridSearchCV

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(GridSearchCV, "fit", interrupted)
    assert run("iris") == 130
    assert capsys.readouterr().err == "kerasearch: interrupted, nothing was saved\n"


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


def test_a_report_is_written_beside_what_is_printed(capsys):
    status = run(
        *("iris", "--epochs", 2, "--cv", 2, "--report", "found.html"),
        *("--param", "activation=rleu,relu,tanh"),
    )
    assert status == 0
    assert "Wrote the report to found.html." in capsys.readouterr().out
    page = Path("found.html").read_text()
    assert "<h1>accuracy on iris</h1>" in page
    assert "mean accuracy" in page
    assert "Could not interpret activation function" in page


def test_without_arguments_it_is_the_textbook_search_on_the_digits():
    args = arguments.parser().parse_args([])
    assert (args.data, args.method, args.cv, args.seed, args.n_jobs) == ("digits", "grid", 3, 0, 1)
    assert arguments.typed_space(args) == {
        "learning_rate": [0.01, 0.001, 0.0001],
        "batch_size": [32, 64],
    }


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


# ---------------------------------------------------------------- report


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


def test_the_table_is_aligned_and_cut():
    n = 25
    results = {
        "params": [{"network__epochs": 10**i if i < 3 else i} for i in range(n)],
        "mean_test_score": np.array([np.nan, *np.linspace(0, 1, n - 1)]),
        "std_test_score": np.zeros(n),
        "mean_fit_time": np.full(n, 0.5),
        "split0_test_score": np.array([np.nan, *np.linspace(0, 1, n - 1)]),
    }
    lines = table(Result(read(results), {"network__epochs": []}, "accuracy", 0.5, {})).splitlines()
    assert lines[0] == "rank  epochs  accuracy (mean ± std)  fit time"
    assert lines[1] == "   1      24  1.0000 ± 0.0000           0.5 s"
    assert lines[-1] == "... and 5 more candidates"
    assert len(lines) == 22


def test_of_hyperbands_candidates_those_with_the_most_epochs_are_ranked():
    results = {
        "params": [{"epochs": i} for i in range(5)],
        "mean_test_score": np.array([0.9, 0.5, 0.7, np.nan, 0.7]),
        "std_test_score": np.zeros(5),
        "n_resources": np.array([1, 3, 3, 3, 3]),
    }
    result = Result(read(results), {"epochs": []}, "accuracy", 0.5, {})
    assert list(result.ranking) == [2, 4, 1, 3]
    assert result.best_params == {"epochs": 2}
    assert [line.split()[0] for line in table(result).splitlines()] == ["rank", "1", "1", "3", "5"]
    results["mean_test_score"][1:] = np.nan
    result = Result(read(results), {"epochs": []}, "accuracy", 0.5, {})
    assert result.ranking[0] == 0
    assert result.best_params == {"epochs": 0}


@pytest.mark.parametrize(("baseline", "warned"), [(0.5, False), (0.85, True)])
def test_a_best_candidate_near_the_baseline_is_said_to_be_no_better(baseline, warned):
    results = {
        "params": [{"epochs": 1}],
        "mean_test_score": np.array([0.9]),
        "std_test_score": np.array([0.1]),
        "mean_fit_time": np.array([1.0]),
    }
    result = Result(read(results), {"epochs": [1]}, "accuracy", baseline, {})
    text = describe_result(result, 3.0)
    assert ("not clearly better" in text) == warned


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (3.04, "3.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations_are_written_as_people_do(seconds, text):
    assert duration(seconds) == text


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
