"""One stored fit as a file: a zip of ``.npy`` arrays (an npz) and ``fit.json``. No pickle.

``numpy.load`` opens the arrays and any zip tool shows the JSON. The zip's checksums tell a damaged
file from a whole one; opening somebody else's file runs no code.
"""

from __future__ import annotations

import io
import json
import types
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

VERSION = 1

_RECORD = "fit.json"
# of an array besides its content: two headers of the zip's and one of NumPy's, names included
_N_BYTES = 512


class DamagedFile(Exception):
    """Raised for a file that is not a whole stored fit; the message says what is wrong."""


def write(file: BinaryIO, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a fit to an open file.

    Parameters
    ----------
    file : binary file
        Where to.
    record : mapping
        JSON's types, and arrays.
    arrays : mapping of str to ndarray
        By names that are good file names.
    """
    with zipfile.ZipFile(file, "w") as archive:
        text = json.dumps({"format": VERSION, **record}, default=_encode)
        archive.writestr(_RECORD, text)
        for name, array in arrays.items():
            if array.dtype.kind == "V":  # a dtype that NumPy lacks, such as bfloat16: its bytes
                array = array.view(f"V{array.dtype.itemsize}")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def size(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """At most how many bytes `write` will write."""
    text = json.dumps({"format": VERSION, **record}, default=_encode)
    return len(text) + sum(array.nbytes for array in arrays.values()) + _N_BYTES * (len(arrays) + 1)


def read_record(file: BinaryIO) -> dict[str, Any]:
    """Read what is known of a fit, without its arrays.

    Raises
    ------
    DamagedFile
        If the file is not a whole stored fit, or one of another format.
    """
    with _Reading(file) as archive:
        return _record(archive)


def read(file: BinaryIO) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a fit: what is known of it, and its arrays by name.

    Raises
    ------
    DamagedFile
        If the file is not a whole stored fit, or one of another format.
    """
    with _Reading(file) as archive:
        record = _record(archive)
        arrays = {}
        for name in archive.namelist():
            if name != _RECORD:  # read whole, so that the checksum is looked at
                content = io.BytesIO(archive.read(name))
                arrays[name.removesuffix(".npy")] = np.lib.format.read_array(content)
        return record, arrays


class _Reading:
    """Turns whatever a damaged archive raises into `DamagedFile`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._file)
        except Exception as error:
            raise DamagedFile(f"it is not a whole archive ({error})") from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        # a flipped bit raises nearly anything, as unknown compression or a bad header
        if isinstance(error, Exception) and not isinstance(error, DamagedFile):
            raise DamagedFile(f"{type(error).__name__}: {error}") from error


def _record(archive: zipfile.ZipFile) -> dict[str, Any]:
    if _RECORD not in archive.namelist():
        raise DamagedFile("it is not a stored fit")
    record = json.loads(archive.read(_RECORD), object_hook=_decode)
    if record.get("format") != VERSION:
        raise DamagedFile(f"it has format {record.get('format')}, and {VERSION} is known")
    return record


def _encode(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{type(value).__name__} has no place in a stored fit")
    return {"array": array.tolist(), "dtype": array.dtype.str}


def _decode(value: dict[str, Any]) -> Any:
    if value.keys() == {"array", "dtype"}:
        return np.array(value["array"], dtype=value["dtype"])
    return value
