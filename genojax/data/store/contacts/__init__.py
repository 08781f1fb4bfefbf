"""A user's Hi-C matrices as observed / expected contacts: written once, read in parts."""
