"""A species as records: bases packed without loss, chunks in order, one contig in memory."""

import numpy as np

from genojax import genome
from genojax.data.formats import genome_table
from genojax.data.store import fasta_cache, regions, species_builder


def test_odd_lengths_pack_and_unpack():
    rng = np.random.default_rng(0)
    for length in (1, 2, 3, 1000, 1001):
        bases = rng.integers(0, 13, length, dtype=np.uint8)
        packed = species_builder.pack(bases)
        assert len(packed) == (length + 1) // 2
        np.testing.assert_array_equal(species_builder.unpack(packed, length), bases)


def test_chunks_join_to_the_contigs_of_the_files(genomes, tmp_path):
    table = genome_table.read(genomes)
    parts = []
    for row in (row for row in table.rows if row.species == 'a'):
        cache = fasta_cache.write(row.fasta, tmp_path / f'{row.line}.u8', frozenset(row.contigs))
        parts.append(species_builder.RowContigs(row, cache.path, row.contigs))
    builder = species_builder.SpeciesBuilder(parts, regions.PROMOTER_SPAN)
    assert [name for _, name in builder.contigs] == ['a1', 'a2', 'b1']
    joined = {}
    for number, start in builder.chunks():
        record = builder.chunk_at(number, start)
        length = len(record['regions'])
        bases = species_builder.unpack(record['bases'], length)
        assert record['start'] == start == sum(map(len, joined.setdefault(record['contig'], [])))
        assert length == species_builder.CHUNK or start + length == builder.length(number)
        joined[record['contig']].append(bases)
    for part, name in builder.contigs:
        record = fasta_cache.load(part.cache).record(name)
        bases = np.concatenate(joined[name])
        np.testing.assert_array_equal(bases & genome.CODE_BITS, record.codes)
        soft = (
            record.soft_masked & part.row.softmasked
        )  # lower case counts only where it means repeat
        np.testing.assert_array_equal(bases >> genome.SOFT_SHIFT, soft)
    assert builder.genes == [('abc', 0, 1000, 9000)] and sorted(builder.summaries) == [0, 1, 2]
