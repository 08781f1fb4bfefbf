"""Columns of annotation: Grantham's published distances, one column per name, their scale."""

import json

import numpy as np
import pytest

from genojax.tasks.variant_effects import annotations
from genojax.variants import alleles
from genojax.variants.consequences import annotator
from genojax.variants.consequences.terms import Term

SNV = alleles.Edit(5, 'A', 'G')


def column(name, effect, variant=SNV):
    columns = annotations.describe([variant], [effect])
    return columns.values_NF[0, columns.names.index(name)]


@pytest.mark.parametrize(
    ('change', 'distance'),
    [('S/R', 110), ('L/I', 5), ('C/W', 215), ('F/Y', 22), ('D/E', 45), ('G/W', 184)],
)
def test_grantham_distances_are_those_of_table_2_of_his_paper(change, distance):
    effect = annotator.TranscriptEffect(Term.MISSENSE, (Term.MISSENSE,), amino_acids=change)
    assert column('Grantham distance', effect) == pytest.approx(distance, abs=1)


def test_columns_have_names_and_say_what_they_are():
    effect = annotator.TranscriptEffect(
        Term.MISSENSE,
        (Term.MISSENSE, Term.SPLICE_REGION),
        amino_acids='P/L',
        codons='CCG/CTG',
        splice_distance=-2,
    )
    columns = annotations.describe([SNV], [effect])
    assert columns.values_NF.shape == (1, annotations.COUNT)
    assert len(set(columns.names)) == annotations.COUNT
    expected = {'A>G': 1, 'A>C': 0, 'transition': 1, 'tier': 2, 'to or from proline': 1}
    expected |= {'codon position': 2, 'splice distance': -2, 'near a splice site': 1}
    expected |= {
        'class missense_variant': 1,
        'class splice_region_variant': 1,
        'class stop_gained': 0,
    }
    assert {name: column(name, effect) for name in expected} == expected
    joined = columns.joined(annotations.AnnotationColumns(np.ones((1, 1)), ('phyloP',)))
    assert joined.names[-1] == 'phyloP' and joined.values_NF[0, -1] == 1


def test_an_insertion_has_no_substitution_and_a_far_splice_site():
    effect = annotator.INTERGENIC
    insertion = alleles.Edit(6, '', 'GG')
    assert column('bases added', effect, insertion) == 2
    assert sum(column(f'A>{base}', effect, insertion) for base in 'CGT') == 0
    assert column('near a splice site', effect) == 0


def test_a_scale_is_that_of_the_training_rows_and_an_absent_number_is_their_mean():
    train_NF = np.array([[1.0, 7.0, np.nan], [3.0, 7.0, np.nan], [np.nan, 7.0, np.nan]])
    scale = annotations.ColumnScale.of(train_NF)
    values_NF = np.array([[4.0, 8.0, 5.0], [2.0, 7.0, np.nan], [np.nan, np.nan, 1.0]])
    expected_NF = [[2, 1, 0], [0, 0, 0], [0, 0, 0]]  # a column without numbers says nothing
    np.testing.assert_array_equal(scale.apply(values_NF), expected_NF)
    kept = annotations.ColumnScale.from_json(json.loads(json.dumps(scale.to_json())))
    np.testing.assert_array_equal(kept.apply(values_NF), expected_NF)
