"""The command line: its arguments, its data, what it prints."""
