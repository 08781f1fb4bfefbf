"""Public genomes and published weights: where they are, fetched whole and checked.

`genome_sources` and `weights_sources` are the tables; `remote` speaks HTTP, `transfer` fetches one
file, `content` checks what it holds, `job` fetches sources into a folder that the other verbs take.
"""
