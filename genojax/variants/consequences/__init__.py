"""Consequences of variants for transcripts, as Sequence Ontology terms."""
