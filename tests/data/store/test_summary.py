"""What a folder of genomes holds: known figures, and 'not annotated' where nobody looked."""

import json
import math

import pytest

from genojax import errors
from genojax.data.store import summary

HEADER = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'a.fa').write_text('>c1\nACGTNGGCCaa\n>c2\n' + 'AT' * 10 + '\n')
    (tmp_path / 'b.fa').write_text('>d\nacgtACGTAC\n')
    (tmp_path / 'a.gff3').write_text(
        'c1\ts\texon\t1\t2\t.\t+\t.\tParent=t\nc1\ts\texon\t5\t6\t.\t+\t.\tParent=t\n'
    )
    (tmp_path / 'genomes.tsv').write_text(
        HEADER + 'x\ta.fa\t*\ta.gff3\tno\tno\ny\tb.fa\td\t\tyes\tyes\n'
    )
    return tmp_path


def test_figures_of_a_known_folder(folder):
    result = summary.summarize(folder)
    listed = result.to_json()
    x, y = listed['species']
    c1, c2 = x['contigs']
    assert (x['name'], x['length'], x['n']) == ('x', 31, 1)
    assert c1['gc'] == 6 / 10 and c2['gc'] == 0 and x['gc'] == 6 / 30
    assert (c1['regions']['exon'], c1['regions']['intron'], c2['regions']['exon']) == (4, 2, 0)
    assert x['region_fractions']['exon'] == 4 / 31
    assert x['soft_masked'] is None and x['regions']['repeat'] is None  # not annotated, not 0
    assert x['regions']['cds'] is None and x['regions']['promoter'] is None
    assert (y['soft_masked'], y['soft_masked_fraction'], y['regions']['repeat']) == (4, 0.4, 4)
    assert y['regions']['exon'] is None and y['genes'] is None and y['circular']
    assert any('lower case, which the table calls meaningless' in note for note in result.notes)
    json.dumps(listed, allow_nan=False)


def test_a_fraction_is_of_the_contigs_that_somebody_looked_at(folder):
    with open(folder / 'genomes.tsv', 'a') as file:
        file.write('y\ta.fa\tc1\t\tno\tno\n')
    (folder / 'genomes.tsv').write_text(
        HEADER + 'x\ta.fa\tc2\t\tno\tno\nx\ta.fa\tc1\ta.gff3\tno\tno\ny\tb.fa\td\t\tyes\tyes\n'
    )
    x = summary.summarize(folder).to_json()['species'][0]
    assert [contig['name'] for contig in x['contigs']] == ['c2', 'c1']  # table order
    assert math.isclose(x['region_fractions']['exon'], 4 / 11)
    assert '36.36' in summary.summarize(folder).text()


def test_an_annotation_off_by_one_is_seen(tmp_path):
    exons = [(30 * n + 1, 30 * n + 10) for n in range(30)]
    text = ''.join('A' * 10 + 'GT' + 'C' * 16 + 'AG' for _ in exons)
    (tmp_path / 'a.fa').write_text(f'>c\n{text}\n')
    (tmp_path / 'genomes.tsv').write_text(HEADER + 'x\ta.fa\tc\ta.gff3\tno\tno\n')
    for shift, noted in ((0, False), (1, True)):
        rows = [f'c\ts\texon\t{a + shift}\t{b + shift}\t.\t+\t.\tParent=t\n' for a, b in exons]
        (tmp_path / 'a.gff3').write_text(''.join(rows))
        result = summary.summarize(tmp_path)
        assert any('29 when moved by -1' in note for note in result.notes) == noted
        assert result.contigs[0].introns == (0 if shift else 29, 29)


@pytest.mark.parametrize(
    'row, code',
    [
        ('x\ta.fa\tc9\t\tno\tno', 'GT06'),
        ('x\tb.fa\td\ta.gff3\tno\tno', 'BD04'),
        ('x\ta.fa\tc1\ta.gff3\tno\tno\ny\ta.fa\tc1\t\tno\tno', 'FA22'),
        ('x\tshort.fa\tc1\ta.gff3\tno\tno', 'BD03'),
    ],
)
def test_what_is_wrong_between_files_is_found(folder, row, code):
    (folder / 'short.fa').write_text('>c1\nACG\n')
    (folder / 'genomes.tsv').write_text(HEADER + row + '\n')
    with pytest.raises(errors.InputError, match=f'GX-{code}'):
        summary.summarize(folder)


def test_single_files(folder):
    text = summary.summarize_file(folder / 'a.fa')
    assert 'c1' in text and '60.00' in text
    assert 'exon' in summary.summarize_file(folder / 'a.gff3')
    (folder / 'x.bed').write_text('c\t0\t5\tpromoter\n')
    assert 'bed on 1 contigs' in summary.summarize_file(folder / 'x.bed')


@pytest.mark.real
def test_the_real_set(real_data):
    result = {
        one['name']: one
        for one in summary.summarize(real_data / 'embed_default').to_json()['species']
    }
    assert result['worm']['length'] == 1_002_724 and len(result['worm']['contigs']) == 6
    assert result['mycoplasma']['length'] == 580_076
    assert all(
        one['soft_masked'] is None and one['regions']['repeat'] is None for one in result.values()
    )
    chromosome = result['human']['contigs'][1]
    assert chromosome['introns'] == {'gt_ag': 197, 'all': 197}
    assert chromosome['regions']['cds'] is None  # its GTF has exons only
    assert result['human']['contigs'][0]['digest'].startswith('SQ.')
