"""Classification of labelled sequences, such as promoters."""
