"""One flipped bit in each byte of a stored fit: it is noticed, or it changes nothing."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasearch import FitStore
from kerasearch.store.record import parse_file_name
from tests.forks import in_a_fork

from .searches import data, network
from .table import Row


def attacks(long: bool) -> Iterator[Row]:
    counts = in_a_fork(_flip, long)
    n_bytes, changed, harmless, wrong = counts
    note = f"{n_bytes} bytes; {changed} noticed, {harmless} of no effect"
    n = changed + harmless + wrong
    yield Row("a flipped bit in every byte of a stored fit", n, n, 0, wrong, note)


def _flip(long: bool) -> tuple[int, int, int, int]:
    warnings.simplefilter("ignore")
    rng = random.Random(0)
    noticed = harmless = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        network(Path(folder), hidden_layer_sizes=(2,), epochs=1).fit(*data())
        (file,) = Path(folder).rglob("*.npz")
        whole = file.read_bytes()
        name = parse_file_name(file.stem)
        assert name is not None
        store = FitStore(Path(folder) / "fits")
        expected = _content(store.load(*name))
        for i in range(len(whole)):
            for bit in range(8) if long else [rng.randrange(8)]:
                damaged = bytearray(whole)
                damaged[i] ^= 1 << bit
                file.write_bytes(damaged)
                found = store.load(*name)
                noticed += found is None
                harmless += found is not None and _content(found) == expected
                wrong += found is not None and _content(found) != expected
    return len(whole), noticed, harmless, wrong


def _content(found: Any) -> str:
    """All that a fit is read for."""
    record, arrays = found
    return repr((sorted(record.items(), key=str), [(n, a.tobytes()) for n, a in arrays.items()]))
