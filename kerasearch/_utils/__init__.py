"""Helpers that know the standard library and NumPy only; every other room may use them."""
