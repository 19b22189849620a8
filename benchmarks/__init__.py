"""One script per claim; each prints ratios against a peer run in the same call."""
