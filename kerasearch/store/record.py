"""The record of a stored fit: the name of its file, its fields, and their checks."""

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
# fields that each reader of a record needs
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
# fields that older records lack
_NEW_FIELDS: dict[str, Any] = {"defaults": dict}
_DIVERGENCE_FIELDS: dict[str, Any] = {"message": str, "epoch": int, "at_once": bool}


@dataclass(frozen=True)
class StoredFit:
    """The description of one stored fit.

    Attributes
    ----------
    key : str
        Digest of everything that determines the result of the fit, except the number of epochs.
    epochs : int
        The requested number of epochs. Early stopping may have trained fewer.
    name : str
        The name that replaces ``{fit}`` in the paths of callbacks. If the fit was stored without a
        name, it is the first digits of the key.
    parameters : dict of str to object
        The estimator's parameters that did not have their defaults. Numbers, text, booleans and
        lists of them are kept; other values are converted to text.
    defaults : dict of str to object
        The parameters that had their defaults. It is empty for a fit of an older version, which
        did not store them.
    n_rows : int
        The number of training rows.
    data : str
        Digest of the training rows, the target and the weights. Two fits on the same fold have
        equal digests.
    seconds : float
        Training time of all epochs together, in seconds.
    history : dict of str to list
        The history, as in the estimator's ``history_``.
    path : {"compiled", "model.fit"}
        The training loop that was used.
    divergence : str or None
        The error message of a fit that diverged; None for any other fit.
    created, used : datetime
        The time at which the fit was stored, and the time at which it was last written or read.
    n_bytes : int
        The size of the file in bytes.
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
        """Describe a fit from its file and its record. `check_record` must have passed before."""
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
    """Get the name of a fit's file without its suffix."""
    return f"{key}-{epochs:0{_EPOCHS_DIGITS}d}"


def parse_file_name(name: str) -> tuple[str, int] | None:
    """Read the key and the epochs from the name of a file; None if it is not the name of a fit."""
    key, dash, epochs = name.partition("-")
    is_ours = dash and epochs.isdecimal() and all(c in "0123456789abcdef" for c in key)
    return (key, int(epochs)) if is_ours else None


def check_record(name: str, record: Mapping[str, Any]) -> None:
    """Check that a record has all necessary fields, and that it belongs to the file `name`.

    Raises
    ------
    DamagedFile
        If a check fails. The message says what is wrong.
    """
    _check_fields(record, _FIELDS)
    _check_fields(record, {name: kind for name, kind in _NEW_FIELDS.items() if name in record})
    if record["divergence"] is not None:
        _check_fields(record["divergence"], _DIVERGENCE_FIELDS)
    _check_fields(record["history"], dict.fromkeys(record["history"], list))
    if not _FIRST_TIME <= record["created"] < _LAST_TIME:
        raise DamagedFile(f"its time of creation, {record['created']}, is out of range")
    if parse_file_name(name) != (record["key"], record["epochs"]):
        raise DamagedFile("the fit in it does not match its file name")


def _check_fields(record: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    missing = sorted(fields.keys() - record.keys())
    if missing:
        raise DamagedFile(f"its record lacks {', '.join(missing)}")
    for name, kind in fields.items():
        if not isinstance(record[name], int | float if kind is float else kind):
            raise DamagedFile(f"its field {name} has type {type(record[name]).__name__}")
