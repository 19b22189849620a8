"""What attacks found, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Row:
    """What came of one kind of attack.

    Attributes
    ----------
    attack : str
        What was done.
    tried : int
        How many times.
    survived : int
        After how many of them the work was done in the end.
    lost : int
        Fits that had been finished and stored, and were trained again.
    wrong : int
        Outcomes other than without the attack, or bounds that were broken.
    note : str
        Figures.
    """

    attack: str
    tried: int = 0
    survived: int = 0
    lost: int = 0
    wrong: int = 0
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing came of the attack."""
        return self.survived == self.tried > 0 and not self.lost and not self.wrong


HEAD = "| attack | tried | survived | lost | wrong | |\n|---|---|---|---|---|---|"


def line(row: Row) -> str:
    """Write one row in Markdown."""
    counts = " | ".join(map(str, (row.tried, row.survived, row.lost, row.wrong)))
    return f"| {row.attack} | {counts} | {row.note} |"


def table(rows: Iterable[Row]) -> str:
    """Write all rows in Markdown."""
    return "\n".join([HEAD, *map(line, rows)])
