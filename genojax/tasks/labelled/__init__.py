"""What classification and regression share: rows of sequences with labels, as batches."""
