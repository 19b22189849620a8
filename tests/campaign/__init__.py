"""Attacks on what the library promises: kills, faults of disks and clocks, hostile threads.

``python -m tests.campaign`` takes less than five minutes, ``--long`` about an hour. See
docs/guide/reliability.md.
"""
