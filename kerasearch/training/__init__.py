"""Arrays in, trained weights out."""
