"""The exceptions that end the command line with a message of one line."""

from __future__ import annotations


class UsageError(Exception):
    """The arguments or the data are wrong; the message says why and what to do instead."""


class SearchFailed(Exception):
    """The search ran but has no result."""
