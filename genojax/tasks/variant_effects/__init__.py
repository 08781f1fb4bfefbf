"""Effects of variants from labelled ones: a head on [reference, alternate - reference] vectors."""
