"""Base codes of contigs on disk, and which genomes a table of signals is of."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.formats import fasta, sequence_record
from genojax.data.store.signals import sources


def contig(circular: bool) -> tuple[np.ndarray, sources.SourceContig]:
    bases = np.array([9, 9, 0, 1, 2, 3, 0, 1, 9], np.uint8)
    return bases, sources.SourceContig('c', 6, 2, circular, '')


def test_a_linear_contig_is_unknown_beyond_its_ends_and_a_circular_one_wraps():
    expected = {
        False: {(-2, 3): 'NNACG', (4, 9): 'ACNNN', (0, 6): 'ACGTAC', (-9, -7): 'NN'},
        True: {(-2, 3): 'ACACG', (4, 9): 'ACACG', (0, 6): 'ACGTAC', (-1, 7): 'NACGTACN'},
    }
    for circular, cases in expected.items():
        for (start, end), text in cases.items():
            codes = sources.read_codes(*contig(circular), start, end)
            assert dna.decode(codes) == text


def write_fasta(path, *names: str):
    records = [
        sequence_record.Record(n, '', dna.encode('ACGTN' * 3), np.zeros(15, bool)) for n in names
    ]
    fasta.write(path, records)
    return path


def test_bases_of_a_species_are_written_contig_after_contig(tmp_path):
    path = write_fasta(tmp_path / 'x.fa', 'a', 'b', 'c')
    parts = [sources.FastaPart(path, ('a', 'c'), True, 'test')]
    contigs, _ = sources.write_bases(parts, (), tmp_path / 'bases.u8')
    assert [(c.name, c.offset, c.circular, c.split) for c in contigs] == [
        ('a', 0, True, 'test'),
        ('c', 15, True, 'test'),
    ]
    assert dna.decode(np.fromfile(tmp_path / 'bases.u8', np.uint8)) == 'ACGTN' * 6
    only, _ = sources.write_bases(parts, ('c',), tmp_path / 'bases.u8')
    assert [(c.name, c.offset) for c in only] == [('c', 0)]
    with pytest.raises(errors.UsageError, match='Fix: --contigs=a,c'):
        sources.write_bases(parts, ('b',), tmp_path / 'bases.u8')
    with pytest.raises(errors.InputError, match="GT06.*'d' is not in the file, which has a, b, c"):
        sources.write_bases([sources.FastaPart(path, ('d',))], (), tmp_path / 'bases.u8')
    with pytest.raises(errors.InputError, match="GT07.*'a'"):
        sources.write_bases([sources.FastaPart(path)] * 2, (), tmp_path / 'bases.u8')


def test_genomes_are_a_fasta_file_or_a_table(tmp_path):
    path = write_fasta(tmp_path / 'one.fa.gz', 'a', 'b')
    assert list(sources.find(path, [''])) == ['one']
    assert sources.find(path, ['x']) == {'x': [sources.FastaPart(path)]}
    with pytest.raises(errors.InputError, match='TK09.*one FASTA file for 2 species: x, y'):
        sources.find(path, ['x', 'y'])
    header = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit'
    rows = ['x\tone.fa.gz\ta\t\tyes\tno\ttest', 'y\tone.fa.gz\tb\t\tno\tno\t']
    (tmp_path / 'genomes.tsv').write_text('\n'.join([header, *rows]) + '\n')
    assert sources.find(tmp_path, ['x']) == {'x': [sources.FastaPart(path, ('a',), True, 'test')]}
    with pytest.raises(errors.InputError, match="TK09.*of species 'z', the genomes of x, y"):
        sources.find(tmp_path, ['x', 'z'])
    with pytest.raises(errors.InputError, match='TK09.*write a column species'):
        sources.find(tmp_path, [''])
    (tmp_path / 'genomes.tsv').write_text(f'{header}\n{rows[0]}\n')
    assert list(sources.find(tmp_path, [''])) == ['x']
    with pytest.raises(errors.InputError, match="TK09.*of species 'z'"):
        sources.find(tmp_path, ['x', 'z'])


def test_genes_on_other_names_of_contigs_are_counted(tmp_path):
    row = '{}\tx\tgene\t1\t9\t.\t+\t.\tID={}\n'
    (tmp_path / 'a.gff3').write_text(row.format('a', 'one') + row.format('MT', 'two'))
    parts = [sources.FastaPart(tmp_path / 'x.fa', annotation=tmp_path / 'a.gff3')]
    contigs = [sources.SourceContig(name, 100, 0, False, '') for name in ('a', 'chrM')]
    starts, notes = sources.gene_starts(parts, contigs)
    assert [start.contig for start in starts] == ['a']
    assert '1 of 2 contigs are not annotated (chrM)' in notes[0]
    assert '1 features are on 1 contigs that the sequence does not have (MT)' in notes[1]
    _, notes = sources.gene_starts(parts, contigs, all_read=False)  # the others were not asked for
    assert len(notes) == 1
