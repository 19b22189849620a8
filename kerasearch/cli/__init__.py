"""The command line: its arguments, its data and its output."""
