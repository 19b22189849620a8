"""Counts, durations and lists in words, for people to read."""

from __future__ import annotations

import math
import os.path
from collections.abc import Iterable, Sequence


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Join names by commas, the first `limit` of them."""
    texts = [str(name) for name in names]
    more = f", ... ({len(texts)} in all)" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: ``1 row``, ``1,797 rows``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Write a time span as a person would: ``0.42 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 0.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def time_left(done: float, total: float, seconds: float, most: float = math.inf) -> str:
    """Say about how long the rest takes if it goes on as so far: ``about 12 s left``.

    Parameters
    ----------
    done, total : float
        How much work is done, and how much there is, in the same unit.
    seconds : float
        How long it took so far.
    most : float, default=infinity
        Seconds after which it ends in any case.

    Returns
    -------
    text : str
        Empty where nothing is done, or nothing left.
    """
    if not 0 < done < total:
        return ""
    return f"about {duration(max(min(seconds / done * (total - done), most), 0))} left"


def one_line(text: object, limit: int = 300) -> str:
    """Put a text on one line, and cut it where it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else f"{line[:limit]}..."


def shortened(text: str, longest: int) -> str:
    """Cut a text in the middle, since both its ends may tell it from others."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def cut_apart(texts: Sequence[str], longest: int) -> list[str]:
    """Cut different texts to a length, so that they stay different.

    Examples
    --------
    >>> from kerasearch._utils.text import cut_apart
    >>> cut_apart(["abcdefghijklm", "x"], 9)
    ['abcd…jklm', 'x']
    >>> cut_apart(["f(first=0.1, second=2, third=3)", "f(first=0.1, second=4, third=3)"], 16)
    ['f(…second=2, th…', 'f(…second=4, th…']
    """
    cut = [shortened(text, longest) for text in texts]
    for same in alike(cut):
        begin = len(os.path.commonprefix([texts[i] for i in same]))  # noqa: RUF071
        begin = max(texts[same[0]].rfind(mark, 0, begin) + len(mark) for mark in (" ", "(", "["))
        head = texts[same[0]][: min(longest // 8, begin)]
        for i in same:
            rest = texts[i][begin:]
            room = longest - len(head) - 1
            cut[i] = f"{head}…{rest if len(rest) <= room else rest[: room - 1] + '…'}"
    for same in alike(cut):
        for n, i in enumerate(same, start=1):
            cut[i] = f"{shortened(texts[i], longest - 2 - len(str(n)))} #{n}"
    return cut


def alike(texts: Sequence[str]) -> list[list[int]]:
    """Find the texts that are there more than once: for each, its places."""
    places: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        places.setdefault(text, []).append(i)
    return [same for same in places.values() if len(same) > 1]
