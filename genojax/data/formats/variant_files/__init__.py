"""Files of variants: VCF, read and written by line, and bgzip blocks."""
