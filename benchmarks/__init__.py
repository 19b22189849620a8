"""One script for each claim. It prints ratios to another library that runs in the same call."""
