"""What a folder of genomes holds: known figures, and 'not annotated' where nobody looked."""

import json
import math
import pathlib
import shutil

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
    assert (c1['regions']['exon'], c1['regions']['intron'], c2['regions']['exon']) == (4, 2, None)
    assert x['region_fractions']['exon'] == 4 / 11  # c2 is not in the annotation
    assert x['soft_masked'] is None and x['regions']['repeat'] is None  # not annotated, not 0
    assert x['regions']['cds'] is None and x['regions']['promoter'] is None
    assert (y['soft_masked'], y['soft_masked_fraction'], y['regions']['repeat']) == (4, 0.4, 4)
    assert y['regions']['exon'] is None and y['genes'] is None and y['circular']
    assert any('lower case, which the table calls meaningless' in note for note in result.notes)
    json.dumps(listed, allow_nan=False)


def test_a_contig_that_the_annotation_declares_has_no_exons_and_another_has_unknown_ones(folder):
    rows = (folder / 'a.gff3').read_text()
    (folder / 'a.gff3').write_text('##sequence-region c2 1 20\n' + rows)
    x = summary.summarize(folder).to_json()['species'][0]
    assert [contig['regions']['exon'] for contig in x['contigs']] == [4, 0]
    assert [contig['genes'] for contig in x['contigs']] == [0, 0]


def test_names_that_differ_for_a_part_of_the_contigs_are_listed_and_unknown():
    result = summary.summarize(pathlib.Path(__file__).parent.parent / 'cases' / 'names_differ')
    listed = result.to_json()
    chr1, mito, unplaced = listed['species'][0]['contigs']
    assert (chr1['regions']['exon'], chr1['genes']) == (600, 1)
    for contig in (mito, unplaced):
        assert set(contig['regions'].values()) == {None} and contig['genes'] is None
    assert listed['annotation_names'] == [
        {
            'file': 'a.gtf',
            'unannotated_contigs': ['chrM', 'chrUn_KI270302v1'],
            'features_on_unknown_contigs': {'MT': 1, 'KI270302.1': 1},
            'similar_names': [['chrM', 'MT'], ['chrUn_KI270302v1', 'KI270302.1']],
        }
    ]
    notes = ' '.join(result.notes)
    assert '2 of 3 contigs are not annotated (chrM, chrUn_KI270302v1)' in notes
    assert '2 features are on 2 contigs that the sequence does not have (MT, KI270302.1)' in notes
    assert 'chrM = MT, chrUn_KI270302v1 = KI270302.1' in notes


def test_start_codons_show_an_annotation_that_is_off_by_one_where_there_are_no_introns(tmp_path):
    text = ''.join('CC' + 'ATG' + 'CCC' * 5 + 'TAA' for _ in range(12))
    (tmp_path / 'a.fa').write_text(f'>c\n{text}\n')
    (tmp_path / 'genomes.tsv').write_text(HEADER + 'x\ta.fa\tc\ta.gff3\tno\tno\n')
    for shift in (0, 1):
        rows = [
            f'c\ts\tCDS\t{23 * n + 3 + shift}\t{23 * n + 23 + shift}\t.\t+\t0\tID=p{n}\n'
            for n in range(11)
        ]
        (tmp_path / 'a.gff3').write_text(''.join(rows))
        result = summary.summarize(tmp_path)
        noted = [note for note in result.notes if 'off by one' in note]
        assert bool(noted) == bool(shift)
        if shift:
            assert '0 of 11 CDS begin with a start codon, but 11 when moved by -1' in noted[0]


def test_inferred_promoters_and_introns_are_called_inferred(tmp_path):
    cases = pathlib.Path(__file__).parent.parent / 'cases' / 'bare_ids'
    for name in ('asm.fa', 'cdsonly.gff3'):
        shutil.copy(cases / name, tmp_path)
    (tmp_path / 'genomes.tsv').write_text(HEADER + 'x\tasm.fa\t*\tcdsonly.gff3\tno\tno\n')
    result = summary.summarize(tmp_path)
    notes, text = ' '.join(result.notes), result.text()
    assert 'introns of 2 transcripts without exon rows are inferred' in notes
    assert 'promoters are inferred, not annotated: 200 bases before' in notes
    assert '6.67*' in text and '* inferred from transcript starts' in text and '16.67' in text
    assert result.to_json()['species'][0]['promoters'] == 'inferred'
    with open(tmp_path / 'cdsonly.gff3', 'a') as file:
        file.write('Chr01\ts\tpromoter\t1\t50\t.\t+\t.\tID=p\n')
    result = summary.summarize(tmp_path)
    assert result.to_json()['species'][0]['promoters'] == 'annotated'
    assert '*' not in result.text().split('\n')[1] and 'promoters are' not in ' '.join(result.notes)


@pytest.mark.parametrize('name', ['cdsonly.gff3', 'cdsonlygtf.gtf'])
def test_introns_of_transcripts_with_cds_rows_only(tmp_path, name):
    cases = pathlib.Path(__file__).parent.parent / 'cases' / 'bare_ids'
    for file in ('asm.fa', name):
        shutil.copy(cases / file, tmp_path)
    (tmp_path / 'genomes.tsv').write_text(HEADER + f'x\tasm.fa\t*\t{name}\tno\tno\n')
    (contig,) = summary.summarize(tmp_path).to_json()['species'][0]['contigs']
    assert contig['regions']['intron'] == 1000 and contig['introns'] == {'gt_ag': 3, 'all': 3}


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
    (folder / 'x.vcf').write_text('##fileformat=VCFv4.2\n')
    with pytest.raises(errors.InputError, match='this is VCF, which check does not read'):
        summary.summarize_file(folder / 'x.vcf')


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
