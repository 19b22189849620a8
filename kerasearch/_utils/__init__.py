"""Helpers that import only the standard library and NumPy; every other room may use them."""
