"""The report of a search as one self-contained HTML file."""

from .build import report

__all__ = ["report"]
