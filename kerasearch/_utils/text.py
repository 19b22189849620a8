"""Counts, durations and lists of names as text for messages."""

from __future__ import annotations

import math
import os.path
from collections.abc import Iterable, Sequence


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Join names with commas; of more than `limit` names, write the first ones and the number."""
    texts = [str(name) for name in names]
    more = f", ... ({len(texts)} in all)" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``1 row``, ``1,797 rows``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Write a duration in fitting units: ``0.42 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 0.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def time_left(done: float, total: float, seconds: float, most: float = math.inf) -> str:
    """Estimate the time that the rest of the work takes at the same speed: ``about 12 s left``.

    Parameters
    ----------
    done, total : float
        The finished work and the whole work, in the same unit.
    seconds : float
        The time that the finished work took, in seconds.
    most : float, default=math.inf
        The time in seconds after which the work ends in any case.

    Returns
    -------
    text : str
        The estimate; empty if no work or all work is done.
    """
    if not 0 < done < total:
        return ""
    return f"about {duration(max(min(seconds / done * (total - done), most), 0))} left"


def one_line(text: object, limit: int = 300) -> str:
    """Put a text on one line, and cut it after `limit` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else f"{line[:limit]}..."


def shortened(text: str, longest: int) -> str:
    """Cut a text in the middle, because either end may distinguish it from other texts."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def cut_apart(texts: Sequence[str], longest: int) -> list[str]:
    """Cut texts to a length so that different texts stay different.

    Parameters
    ----------
    texts : sequence of str
        Texts that all differ.
    longest : int
        The largest number of characters in a text.

    Returns
    -------
    cut : list of str
        The shortened texts; an ellipsis stands for the characters that were cut.

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
    """Find the texts that occur more than once; return the list of positions of each."""
    places: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        places.setdefault(text, []).append(i)
    return [same for same in places.values() if len(same) > 1]
