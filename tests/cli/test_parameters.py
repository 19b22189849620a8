"""The values of --param: what they are read as, how they are shown, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerasearch import layer_sizes
from kerasearch.cli.errors import UsageError
from kerasearch.cli.parameters import describe, parse, show
from kerasearch.cli.space_checks import resolve


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
        (["x"], "must be name=values"),
        (["=3"], "must be name=values"),
        (["x="], "a value is missing"),
        (["x=1,,2"], "--param x=1,,2: invalid syntax at ',2'; separate values with commas"),
        (["x=(1,2"], "'(' was never closed at '(1,2'"),
        (["x=1)"], "unmatched ')' at ')'"),
        (["x='a"], "unterminated string literal"),
        (["x=0.01;0.02"], "invalid syntax at ';0.02'"),
        (["x=a b"], "put text that is not a plain word in quotes"),
        (["x=3d"], "put text that is not a plain word in quotes"),
        (["x=3-d"], "3 - d is not a value; put text in quotes"),
        (["x=log(1,2),3"], "the distribution log(1, 2) cannot be combined"),
        (["x=normal(0,1)"], "the distributions are log(low,high), uniform(low,high"),
        (["x=log(0,1)"], "--param x=log(0,1): low=0.0 must be above 0"),
        (["x=uniform(2,1)"], "low=2.0 must be below high=1.0"),
        (["x=int(1,2.5)"], "high=2.5 must be an integer"),
        (["x=int(1,8,3)"], "high=8 is not low=1 plus a multiple of step=3"),
        (["x=log(1,2,3)"], "the form must be log(low,high)"),
        (["x=log(1,high=2,base=3)"], "the form must be log(low,high)"),
        (["x=log(low=1,low=2,high=3)"], "an argument is given twice"),
        (["x=log_integers(1)"], "the form must be log_integers(low,high)"),
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
