"""Files of contacts between parts of a genome: Hi-C matrices, and the table that names them."""
