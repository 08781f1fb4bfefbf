"""Tables of variants: usual and own names of columns, positions from 1, rows that are no variant."""

import numpy as np
import pytest

from genojax import errors, genome
from genojax.data.formats.variant_files import variant_table

ROWS = 'CHROM\tPOS\tRef\tALT\tlabel\texon\tphylop\nchr1\t5\ta\tG\t1\tX2\t0.5\nchr1\t7\tAC\tA\t0\tX3\tNA\n'


def written(tmp_path, text):
    path = tmp_path / 'variants.tsv'
    path.write_text(text)
    return path


def test_usual_names_in_any_case_and_positions_from_1(tmp_path):
    table = variant_table.read(written(tmp_path, ROWS))
    assert table.variants == [
        genome.Variant('chr1', 4, 'A', 'G'),
        genome.Variant('chr1', 6, 'AC', 'A'),
    ]
    assert table.groups.tolist() == ['chr1', 'chr1']
    np.testing.assert_array_equal(table.numbers('phylop'), [0.5, np.nan])
    assert table.where(1)['line'] == 3
    second = table.take(np.array([1]))
    assert (len(second), second.labels.tolist(), second.lines) == (1, ['0'], [3])


def test_own_names_and_groups(tmp_path):
    columns = variant_table.VariantColumns(position='start', group='exon')
    table = variant_table.read(written(tmp_path, ROWS.replace('POS', 'start')), columns)
    assert table.groups.tolist() == ['X2', 'X3']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (
            ROWS.replace('POS', 'x'),
            "GX-LB01: .*:1: no column is called 'position'.*position_column",
        ),
        (ROWS.replace('\t5\t', '\t0\t'), 'GX-VC08: .*:2: VCF position 0'),
        (ROWS.replace('\t5\t', '\tfive\t'), "GX-VC08: .*:2: position 'five' is not a whole number"),
        (ROWS.replace('\tG\t', '\t<DEL>\t'), "GX-VC08: .*:2: alternate allele '<DEL>'"),
        (ROWS.replace('\ta\tG', '\tG\tG'), "GX-VC08: .*:2: reference and alternate .* both 'G'"),
        (ROWS.splitlines()[0] + '\n', 'GX-LB03'),
    ],
)
def test_rows_that_are_no_variant_are_refused(tmp_path, text, message):
    with pytest.raises(errors.InputError, match=message):
        variant_table.read(written(tmp_path, text))


def test_scores_of_genojax_score_without_its_columns_of_text(tmp_path):
    header = 'contig position id ref alt state kind window consequence gene transcript amino_acids'
    header += ' codons protein_position llr llr_calibrated'
    row = 'chr1 5 . A G scored SNV 1-9 missense_variant G t K/R AAA/AGA 3 -1.5 .'
    text = '# {"genojax": "0"}\n' + '\n'.join(line.replace(' ', '\t') for line in (header, row))
    names, values = variant_table.read_scores(written(tmp_path, text + '\n'))
    assert names == ['llr', 'llr_calibrated']
    np.testing.assert_array_equal(values['chr1', 5, 'A', 'G'], [-1.5, np.nan])
    with pytest.raises(errors.InputError, match='GX-LB01: .*not written by genojax score --tsv'):
        variant_table.read_scores(written(tmp_path, ROWS))


@pytest.mark.parametrize(
    'row', ['c\t5', 'c\tx\t.\tA\tC\tscored\tsnv\t.\t0.5', 'c\t5\t.\tA\tC\ts\tk\t.\ty']
)
def test_a_damaged_row_of_scores_is_named(tmp_path, row):
    text = 'contig\tposition\tid\tref\talt\tstate\tkind\twindow\tGX_X\n'
    good = 'c\t5\t.\tA\tC\ts\tk\t.\t0.5\n'
    with pytest.raises(errors.InputError, match='GX-LB06') as caught:
        variant_table.read_scores(written(tmp_path, f'# by genojax\n{text}{good}{row}\n'))
    assert caught.value.line == 4
