"""Contig names of two files: pairs that look alike, and no pairs that do not."""

import pytest

from genojax.data.formats import annotation
from genojax.data.store import contig_names


@pytest.mark.parametrize(
    ('names', 'others', 'pairs'),
    [
        (['chrM'], ['MT'], [('chrM', 'MT')]),
        (['MT'], ['chrM', 'chrMT'], [('MT', 'chrM')]),
        (['1', 'X'], ['chr1', 'chrX'], [('1', 'chr1'), ('X', 'chrX')]),
        (['Chr1'], ['chr1'], [('Chr1', 'chr1')]),
        (['chromosome_1'], ['1'], [('chromosome_1', '1')]),
        (['chrUn_KI270302v1'], ['KI270302.1'], [('chrUn_KI270302v1', 'KI270302.1')]),
        (['chr1_KI270706v1_random'], ['KI270706.1'], [('chr1_KI270706v1_random', 'KI270706.1')]),
        (['NC_000913.3'], ['NC_000913.2'], [('NC_000913.3', 'NC_000913.2')]),
        (['NC_000913.3'], ['NC_000913'], [('NC_000913.3', 'NC_000913')]),
        (['chr1'], ['2', 'chr10'], []),
        (['chr'], ['x'], []),
    ],
)
def test_names_that_look_alike(names, others, pairs):
    assert list(contig_names.similar(names, others)) == pairs


def test_a_length_that_only_one_contig_has_makes_a_pair():
    lengths = {'chr1': 100, 'chr2': 90, 'chr3': 80}
    declared = {'NC_1': 100, 'NC_2': 80, 'NC_3': 80}
    assert contig_names.similar(lengths, declared, lengths, declared) == (('chr1', 'NC_1'),)


def test_a_name_is_in_one_pair():
    assert contig_names.similar(['chr1', 'CHR1'], ['1']) == (('chr1', '1'),)


def test_what_a_verb_says_of_an_annotation(tmp_path):
    row = '{}\tx\tgene\t1\t9\t.\t+\t.\t{}\n'
    text = row.format('chr1', 'ID=a') + 2 * row.format('MT', 'ID=m') + row.format('chr2', 'ID=b')
    (tmp_path / 'a.gff3').write_text(text + 'chr1\tx\tCDS\t1\t9\t.\t+\t.\tID=c\n')
    source = annotation.read(tmp_path / 'a.gff3')
    notes = contig_names.notes(source, {'chr1': 100, 'chrM': 0}, ['chr2'])
    assert notes == [
        'a.gff3: 1 of 1 CDS rows name no transcript: introns between them are unknown',
        'a.gff3: 1 of 2 contigs are not annotated (chrM): their genes and regions are unknown, '
        'not 0',
        'a.gff3: 2 features are on 1 contigs that the sequence does not have (MT): they label '
        'nothing',
        'a.gff3: names that look alike: chrM = MT; rename the contigs of one file if they are the '
        'same',
    ]
