"""What ends the command line with one line that says why."""

from __future__ import annotations


class UsageError(Exception):
    """What the user asked for cannot be done; the message says why and what to do instead."""


class SearchFailed(Exception):
    """The search ran and has no result."""
