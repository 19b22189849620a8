"""One stored fit as a file: a zip of ``.npy`` arrays (an npz) and ``fit.json``. No pickle is used.

``numpy.load`` opens the arrays, and any zip tool shows the JSON. The zip has checksums. The JSON
has a list of the arrays and one digest of all arrays. Both detect a damaged file. It is safe to
open a file of another person: no code runs, and the memory is bounded by the size of the file,
because nothing in it is compressed.
"""

from __future__ import annotations

import io
import json
import math
import types
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import xxhash

VERSION = 2

_RECORD = "fit.json"
_NPY = (1, 0)  # the version of NumPy's own format
_PLAIN = "biuf"  # kinds of arrays that a record may hold
# bytes of an array in addition to its content: two zip headers and one NumPy header, with names
_N_BYTES = 384


class DamagedFile(Exception):
    """Raised if a file is not a complete stored fit. The message says what is wrong."""


def write(file: BinaryIO, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a fit to an open file.

    Parameters
    ----------
    file : binary file
        The file, opened for writing.
    record : mapping
        Values of JSON's types, and arrays.
    arrays : mapping of str to ndarray
        The arrays by name. The names must be valid file names.

    Raises
    ------
    TypeError
        If an array has dtype object, or if a value of the record cannot be stored.
    """
    arrays = {name: _storable(array) for name, array in arrays.items()}
    with zipfile.ZipFile(file, "w") as archive:
        # A zip cannot store dates before 1980, and a clock may be wrong. The date is thus fixed.
        archive.writestr(zipfile.ZipInfo(_RECORD), _text(record, arrays, _digest(arrays)))
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as content:
                np.lib.format.write_array(content, array, version=_NPY, allow_pickle=False)


def size(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Get an upper bound for the number of bytes that `write` writes."""
    text = _text(record, arrays, xxhash.xxh3_128_hexdigest(b""))
    return len(text) + sum(array.nbytes for array in arrays.values()) + _N_BYTES * (len(arrays) + 1)


def read_record(file: BinaryIO) -> dict[str, Any]:
    """Read the record of a fit without its arrays.

    Returns
    -------
    record : dict
        The record as it was written. In addition, ``arrays`` has the dtype and the shape of each
        array by name.

    Raises
    ------
    DamagedFile
        If the file is not a complete stored fit, or has another format.
    """
    with _Reading(file) as archive:
        return _record(archive)


def read(
    file: BinaryIO, wanted: Callable[[dict[str, Any]], bool] = lambda record: True
) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
    """Read a fit: its record, and its arrays by name.

    Parameters
    ----------
    file : binary file
        The file, opened for reading.
    wanted : callable, default=always
        ``wanted(record)`` returns whether the arrays shall be read.

    Returns
    -------
    record : dict
        The record, as from `read_record`.
    arrays : dict of str to ndarray, or None
        The arrays; None if they are not wanted.

    Raises
    ------
    DamagedFile
        If the file is not a complete stored fit, or has another format.
    """
    with _Reading(file) as archive:
        record = _record(archive)
        if not wanted(record):
            return record, None
        # each member is read to its end, because only then zipfile checks its checksum
        arrays = {
            name: _array(archive.read(f"{name}.npy"), *listed)
            for name, listed in record["arrays"].items()
        }
        if _digest(arrays) != record["digest"]:
            raise DamagedFile("the digest of its arrays does not match the record")
        return record, arrays


class _Reading:
    """Open an archive, and convert each error that a damaged archive raises into `DamagedFile`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self._file)
        except Exception as error:
            raise DamagedFile(f"it is not a complete zip archive ({error})") from error
        _check_sizes(archive, self._file.seek(0, io.SEEK_END))
        return archive

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        # a flipped bit can raise nearly any error, such as an unknown compression or a bad header
        if isinstance(error, Exception) and not isinstance(error, DamagedFile):
            raise DamagedFile(f"{type(error).__name__}: {error}") from error


def _check_sizes(archive: zipfile.ZipFile, n_bytes: int) -> None:
    """Check that the members are not larger than the file, before a member is read."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise DamagedFile("it is compressed, but a stored fit is never compressed")
    if sum(member.file_size for member in members) > n_bytes:
        raise DamagedFile("its members are larger than the file")


def _record(archive: zipfile.ZipFile) -> dict[str, Any]:
    names = archive.namelist()
    if _RECORD not in names:
        raise DamagedFile("it is not a stored fit")
    record = json.loads(archive.read(_RECORD), object_hook=_decode)
    if record.get("format") != VERSION:
        raise DamagedFile(f"it has format {record.get('format')}, but format {VERSION} is needed")
    if sorted(names) != sorted([_RECORD, *(f"{name}.npy" for name in record["arrays"])]):
        raise DamagedFile("its members do not match the list in its record")
    return record


def _text(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray], digest: str) -> str:
    own = {
        "format": VERSION,
        "digest": digest,
        "arrays": {name: [array.dtype.str, array.shape] for name, array in arrays.items()},
    }
    return json.dumps({**record, **own}, default=_encode)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Digest the bytes of all arrays. Their names, dtypes and shapes are in the record."""
    digest = xxhash.xxh3_128()
    for array in arrays.values():
        if array.size:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _storable(array: np.ndarray) -> np.ndarray:
    """Check the dtype of an array. Convert a dtype that NumPy lacks, such as bfloat16, to bytes."""
    if array.dtype.hasobject:
        raise TypeError("an array with dtype object cannot be stored in a fit")
    return array.view(f"V{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def _array(content: bytes, dtype: str, shape: list[int]) -> np.ndarray:
    """Read an array, and check its dtype, its shape and its number of bytes."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != _NPY:
        raise DamagedFile("an array has another version of NumPy's format")
    found_shape, _, found_dtype = np.lib.format.read_array_header_1_0(file)
    if found_dtype.hasobject or (found_dtype.str, list(found_shape)) != (dtype, shape):
        raise DamagedFile("the dtype or shape of an array does not match the record")
    if math.prod(shape) * found_dtype.itemsize != len(content) - file.tell():
        raise DamagedFile("the number of bytes of an array does not match its shape")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _encode(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in _PLAIN:
        raise TypeError(f"a value of type {type(value).__name__} cannot be stored in a fit")
    return {"array": array.tolist(), "dtype": array.dtype.str}


def _decode(value: dict[str, Any]) -> Any:
    if value.keys() == {"array", "dtype"}:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in _PLAIN:  # text of a fixed length could take unbounded memory
            raise DamagedFile(f"its record has an array with dtype {dtype}, which is not allowed")
        return np.array(value["array"], dtype=dtype)
    return value
