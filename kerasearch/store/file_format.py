"""One stored fit as a file: a zip of ``.npy`` arrays (an npz) and ``fit.json``. No pickle.

``numpy.load`` opens the arrays and any zip tool shows the JSON. Checksums of the zip, and in the
JSON a list of the arrays with one digest over all, tell a damaged file from a whole one. Opening
somebody else's file runs no code, and takes no more memory than the file has bytes, since nothing
in it is compressed.
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
# of an array besides its content: two headers of the zip's and one of NumPy's, names included
_N_BYTES = 384


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
    arrays = {name: _storable(array) for name, array in arrays.items()}
    with zipfile.ZipFile(file, "w") as archive:
        # the zip's own dates begin in 1980, and a clock may stand before that: a fixed one
        archive.writestr(zipfile.ZipInfo(_RECORD), _text(record, arrays, _digest(arrays)))
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as content:
                np.lib.format.write_array(content, array, version=_NPY, allow_pickle=False)


def size(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """At most how many bytes `write` will write."""
    text = _text(record, arrays, xxhash.xxh3_128_hexdigest(b""))
    return len(text) + sum(array.nbytes for array in arrays.values()) + _N_BYTES * (len(arrays) + 1)


def read_record(file: BinaryIO) -> dict[str, Any]:
    """Read what is known of a fit, without its arrays.

    Returns
    -------
    record : dict
        As it was written, with ``arrays``: of each, by name, the dtype and the shape.

    Raises
    ------
    DamagedFile
        If the file is not a whole stored fit, or one of another format.
    """
    with _Reading(file) as archive:
        return _record(archive)


def read(
    file: BinaryIO, wanted: Callable[[dict[str, Any]], bool] = lambda record: True
) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
    """Read a fit: what is known of it, and its arrays by name.

    Parameters
    ----------
    file : binary file
        From where.
    wanted : callable, default=always
        Told the record, it says whether the arrays are to be read.

    Returns
    -------
    record : dict
        As `read_record` has it.
    arrays : dict of str to ndarray, or None
        None where they are not wanted.

    Raises
    ------
    DamagedFile
        If the file is not a whole stored fit, or one of another format.
    """
    with _Reading(file) as archive:
        record = _record(archive)
        if not wanted(record):
            return record, None
        # each member is read whole, so that its checksum is looked at
        arrays = {
            name: _array(archive.read(f"{name}.npy"), *listed)
            for name, listed in record["arrays"].items()
        }
        if _digest(arrays) != record["digest"]:
            raise DamagedFile("its arrays are not those that were written")
        return record, arrays


class _Reading:
    """Turns whatever a damaged archive raises into `DamagedFile`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self._file)
        except Exception as error:
            raise DamagedFile(f"it is not a whole archive ({error})") from error
        _check_sizes(archive, self._file.seek(0, io.SEEK_END))
        return archive

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        # a flipped bit raises nearly anything, as unknown compression or a bad header
        if isinstance(error, Exception) and not isinstance(error, DamagedFile):
            raise DamagedFile(f"{type(error).__name__}: {error}") from error


def _check_sizes(archive: zipfile.ZipFile, n_bytes: int) -> None:
    """Check, before anything is read, that the members are no larger than the file."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise DamagedFile("it is compressed, and a stored fit is not")
    if sum(member.file_size for member in members) > n_bytes:
        raise DamagedFile("its members are larger than the file")


def _record(archive: zipfile.ZipFile) -> dict[str, Any]:
    names = archive.namelist()
    if _RECORD not in names:
        raise DamagedFile("it is not a stored fit")
    record = json.loads(archive.read(_RECORD), object_hook=_decode)
    if record.get("format") != VERSION:
        raise DamagedFile(f"it has format {record.get('format')}, and {VERSION} is known")
    if sorted(names) != sorted([_RECORD, *(f"{name}.npy" for name in record["arrays"])]):
        raise DamagedFile("its members are not those that its record lists")
    return record


def _text(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray], digest: str) -> str:
    own = {
        "format": VERSION,
        "digest": digest,
        "arrays": {name: [array.dtype.str, array.shape] for name, array in arrays.items()},
    }
    return json.dumps({**record, **own}, default=_encode)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """One digest over all arrays, in order; what else there is of them the record lists."""
    digest = xxhash.xxh3_128()
    for array in arrays.values():
        if array.size:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _storable(array: np.ndarray) -> np.ndarray:
    """Check a dtype; one that NumPy lacks, such as bfloat16, is written as its bytes."""
    if array.dtype.hasobject:
        raise TypeError("an array of objects has no place in a stored fit")
    return array.view(f"V{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def _array(content: bytes, dtype: str, shape: list[int]) -> np.ndarray:
    """Read an array that is of this dtype and shape, and so of as many bytes as there are."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != _NPY:
        raise DamagedFile("an array has another version of NumPy's format")
    found_shape, _, found_dtype = np.lib.format.read_array_header_1_0(file)
    if found_dtype.hasobject or (found_dtype.str, list(found_shape)) != (dtype, shape):
        raise DamagedFile("an array is not what the record lists")
    if math.prod(shape) * found_dtype.itemsize != len(content) - file.tell():
        raise DamagedFile("an array has not as many bytes as its shape says")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _encode(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in _PLAIN:
        raise TypeError(f"{type(value).__name__} has no place in a stored fit")
    return {"array": array.tolist(), "dtype": array.dtype.str}


def _decode(value: dict[str, Any]) -> Any:
    if value.keys() == {"array", "dtype"}:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in _PLAIN:  # text of a given length would be as large as it likes
            raise DamagedFile(f"it has an array of {dtype}")
        return np.array(value["array"], dtype=dtype)
    return value
