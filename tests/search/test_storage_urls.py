"""What is said of a storage: what is wrong with it, and never its password."""

from __future__ import annotations

import traceback

import pytest

from kerasearch import BayesSearchCV

from .conftest import Learner

pytest.importorskip("optuna")

from kerasearch.search import optuna_storage
from kerasearch.search.optuna_storage import create_study, masked

SHOWN = {
    "postgresql://me:secret@host/db": "postgresql://me:***@host/db",
    "mysql+pymysql://me:p@ss:secret@host:33/db": "mysql+pymysql://me:***@host:33/db",
    "postgresql://me:a%2Fb@host/db?sslpassword=x&a=1": "postgresql://me:***@host/db?sslpassword=***&a=1",
    "redis://:secret@host": "redis://:***@host",
    "postgresql://host/db?user=me&password=secret": "postgresql://host/db?user=me&password=***",
    "postgresql://me@host/db": "postgresql://me@host/db",
    "sqlite:///C:/me@home/search.db": "sqlite:///C:/me@home/search.db",
    "study.log": "study.log",
}


@pytest.mark.parametrize("url", SHOWN)
def test_a_password_is_masked_in_every_url(url):
    assert masked(url, url) == SHOWN[url]
    search = BayesSearchCV(Learner(), {"quality": [1]}, storage=url)
    for text in (repr(search), *search._repr_mimebundle_().values(), search._repr_html_()):
        assert "secret" not in text
        assert "a%2Fb" not in text
    assert search.get_params()["storage"] == url


def test_a_driver_that_spells_the_password_out_is_masked_too():
    text = 'no connection with "host=x password=a/b user=me"'
    assert masked(text, "postgresql://me:a%2Fb@x/db") == text.replace("a/b", "***")


@pytest.mark.parametrize("url", ["nosuch://me:secret@host/db", "postgresql://me:secret@:x:y/db"])
def test_an_error_names_the_storage_without_its_password(url):
    search = BayesSearchCV(Learner(), {"quality": [1, 2]}, n_iter=2, storage=url)
    with pytest.raises(ValueError, match=r"storage='.*me:\*\*\*@.*could not be opened") as error:
        search.fit([[0.0]] * 10, [0, 1] * 5)
    assert "secret" not in "".join(traceback.format_exception(error.value))


def database_error(kind, statement):
    import sqlalchemy.exc

    return getattr(sqlalchemy.exc, kind)(statement, {}, Exception("as the database words it"))


@pytest.mark.parametrize("kind", ["IntegrityError", "ProgrammingError", "OperationalError"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_who_meets_another_process_making_the_tables_tries_again(monkeypatch, kind, wrapped):
    import optuna

    made, create = [], optuna.create_study

    def create_later(**settings):
        made.append(settings)
        if len(made) < 5:  # the tables, the two marks of their versions, the study
            error = database_error(kind, "CREATE TABLE studies")
            if wrapped:
                raise optuna.exceptions.StorageInternalError from error
            raise error
        return create(**settings)

    monkeypatch.setattr(optuna, "create_study", create_later)
    monkeypatch.setattr(optuna_storage.time, "sleep", lambda seconds: None)
    assert create_study("sqlite://", "kerasearch").study_name == "kerasearch"


def test_a_database_that_is_not_reached_is_not_asked_again(monkeypatch):
    import optuna

    asked = []

    def refuse(**settings):
        asked.append(settings)
        raise database_error("OperationalError", None)

    monkeypatch.setattr(optuna, "create_study", refuse)
    with pytest.raises(ValueError, match="could not be opened"):
        create_study("postgresql://host/db", "kerasearch")
    assert len(asked) == 1
