"""A user's signals along genomes, as bins of windows with a mask: written once, read in parts."""
