"""Task: contacts between the bins of a window (Hi-C) from its sequence."""
