"""Variants with known effects: what must be rejected is, labels follow effects, files are stable."""

import csv

import numpy as np
import pytest

from genojax import dna, genome, metrics, simulate
from genojax.data.formats import fasta
from genojax.variants.consequences import annotator
from genojax.variants.consequences.terms import Term

SMALL = simulate.SimulationConfig(
    seed=3, species=2, length=80_000, genes=16, task_rows=0, variant_rows=1_200
)


@pytest.fixture(scope='module')
def clade(tmp_path_factory):
    """The folder, the rows of its table, and the first species' name."""
    folder = tmp_path_factory.mktemp('clade')
    facts = simulate.write(folder, SMALL)
    with open(folder / 'variants' / 'variants.tsv') as file:
        rows = list(csv.DictReader(file, delimiter='\t'))
    return folder, rows, next(iter(facts['species']))


def test_reference_alleles_are_those_of_the_genome(clade):
    folder, rows, species = clade
    codes = {record.name: record.codes for record in fasta.read(folder / f'{species}.fa')}
    assert len(rows) > 1_000
    for row in rows:
        at = int(row['position']) - 1
        assert dna.decode(codes[row['contig']][at : at + 1]) == row['ref'] != row['alt']
    assert {row['site'] for row in rows} == {
        *('coding', 'fixed', 'motif', 'promoter', 'background'),
    }


def test_the_vcf_has_the_variants_of_the_table(clade):
    folder, rows, _ = clade
    path = folder / 'variants' / 'variants.vcf'
    lines = [line.split('\t') for line in path.read_text().splitlines() if line[0] != '#']
    keys = ('contig', 'position', 'ref', 'alt')
    assert [(*cells[:2], *cells[3:5]) for cells in lines] == [
        tuple(row[key] for key in keys) for row in rows
    ]


def test_effects_are_those_of_the_consequences(clade):
    """Splice sites, stops and starts are lethal; a synonymous change mostly is not."""
    folder, rows, species = clade
    finder = annotator.ConsequenceAnnotator(folder / f'{species}.gff3', folder / f'{species}.fa')
    by_term = {}
    for row in rows:
        variant = genome.Variant.from_vcf(
            row['contig'], int(row['position']), row['ref'], row['alt']
        )
        term = finder.effect(variant).term
        by_term.setdefault(term, []).append(float(row['true_effect']))
    for term in (Term.SPLICE_DONOR, Term.SPLICE_ACCEPTOR, Term.STOP_GAINED, Term.START_LOST):
        assert min(by_term[term]) == 1
    assert min(by_term[Term.MISSENSE]) >= 1 - 0.12 - 1e-6
    assert np.mean(by_term[Term.SYNONYMOUS]) < 0.5 < np.mean(by_term[Term.MISSENSE])
    background = [float(row['true_effect']) for row in rows if row['site'] == 'background']
    assert max(background) == 0


def test_labels_are_drawn_with_the_probability_of_the_effect(clade):
    _, rows, _ = clade
    effect = np.array([float(row['true_effect']) for row in rows])
    label = np.array([int(row['label']) for row in rows])
    spread = np.sqrt((effect * (1 - effect)).sum())
    assert abs(label.sum() - effect.sum()) < 4 * spread
    assert metrics.auroc(label, effect) > 0.9
    assert not label[effect == 0].any() and label[effect == 1].all()


def test_equal_settings_give_equal_bytes_and_other_files_do_not_change(clade, tmp_path):
    folder, _, species = clade
    without = simulate.SimulationConfig(**{**vars(SMALL), 'variant_rows': 0})
    simulate.write(tmp_path / 'a', without)
    assert not (tmp_path / 'a' / 'variants').exists()
    for name in (f'{species}.fa', f'{species}.gff3', 'genomes.tsv'):
        assert (tmp_path / 'a' / name).read_bytes() == (folder / name).read_bytes()
