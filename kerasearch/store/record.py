"""What is known of a stored fit: its file's name, the fields of its record, and their check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .directory import File
from .file_format import DamagedFile

_EPOCHS_DIGITS = 8
_NAME_DIGITS = 8
_FIRST_TIME, _LAST_TIME = (t.replace(tzinfo=UTC).timestamp() for t in (datetime.min, datetime.max))
# what every reader of a record relies on
_FIELDS: dict[str, Any] = {
    "key": str,
    "epochs": int,
    "created": float,
    "parameters": dict,
    "n_rows": int,
    "data": str,
    "seconds": float,
    "history": dict,
    "path": str,
    "finished": bool,
    "divergence": dict | None,
    "arrays": dict,
}
# what older records lack
_NEW_FIELDS: dict[str, Any] = {"defaults": dict}
_DIVERGENCE_FIELDS: dict[str, Any] = {"message": str, "epoch": int, "at_once": bool}


@dataclass(frozen=True)
class StoredFit:
    """What a store knows of one fit.

    Attributes
    ----------
    key : str
        Digest of everything that decides the outcome but the number of epochs.
    epochs : int
        The `epochs` asked for; early stopping may have trained fewer.
    name : str
        What ``{fit}`` becomes in the paths of its callbacks. The first digits of the key for a fit
        that was stored without one.
    parameters : dict of str to object
        The estimator's parameters that were not at their defaults, values other than numbers,
        text, booleans and lists of them as text.
    defaults : dict of str to object
        The other parameters; empty for a fit stored before they were kept.
    n_rows : int
        Rows that were trained on.
    data : str
        Digest of these rows, target and weights: equal for two fits on the same fold.
    seconds : float
        Time spent on training, all epochs together.
    history : dict of str to list
        As in ``history_`` of the estimator.
    path : {"compiled", "model.fit"}
        Which loop trained.
    divergence : str or None
        The message of the error, for a fit that diverged.
    created, used : datetime
        When it was stored, and when it was last written or read.
    n_bytes : int
        Its size.
    """

    key: str
    epochs: int
    name: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    n_rows: int
    data: str
    seconds: float
    history: dict[str, list[Any]]
    path: str
    divergence: str | None
    created: datetime
    used: datetime
    n_bytes: int

    @classmethod
    def of(cls, file: File, record: Mapping[str, Any]) -> StoredFit:
        """Describe a fit by its file and its record, which `check_record` has seen."""
        divergence = record["divergence"]
        return cls(
            key=record["key"],
            epochs=record["epochs"],
            name=str(record.get("name") or record["key"][:_NAME_DIGITS]),
            parameters=record["parameters"],
            defaults=record.get("defaults", {}),
            n_rows=record["n_rows"],
            data=record["data"],
            seconds=record["seconds"],
            history=record["history"],
            path=record["path"],
            divergence=divergence and divergence["message"],
            created=datetime.fromtimestamp(record["created"], UTC),
            used=datetime.fromtimestamp(file.used, UTC),
            n_bytes=file.n_bytes,
        )


def file_name(key: str, epochs: int) -> str:
    """The name of a fit's file, without its ending."""
    return f"{key}-{epochs:0{_EPOCHS_DIGITS}d}"


def parse_file_name(name: str) -> tuple[str, int] | None:
    """The key and epochs in the name of a file; None for a file that is not a store's."""
    key, dash, epochs = name.partition("-")
    is_ours = dash and epochs.isdecimal() and all(c in "0123456789abcdef" for c in key)
    return (key, int(epochs)) if is_ours else None


def check_record(name: str, record: Mapping[str, Any]) -> None:
    """Check that a record has all that its readers rely on, and is that of the file `name`.

    Raises
    ------
    DamagedFile
        If it is not; the message says what is wrong.
    """
    _check_fields(record, _FIELDS)
    _check_fields(record, {name: kind for name, kind in _NEW_FIELDS.items() if name in record})
    if record["divergence"] is not None:
        _check_fields(record["divergence"], _DIVERGENCE_FIELDS)
    _check_fields(record["history"], dict.fromkeys(record["history"], list))
    if not _FIRST_TIME <= record["created"] < _LAST_TIME:
        raise DamagedFile(f"it was created at {record['created']}")
    if parse_file_name(name) != (record["key"], record["epochs"]):
        raise DamagedFile("it holds another fit than its name says")


def _check_fields(record: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    missing = sorted(fields.keys() - record.keys())
    if missing:
        raise DamagedFile(f"it has no {', '.join(missing)}")
    for name, kind in fields.items():
        if not isinstance(record[name], int | float if kind is float else kind):
            raise DamagedFile(f"its {name} is a {type(record[name]).__name__}")
