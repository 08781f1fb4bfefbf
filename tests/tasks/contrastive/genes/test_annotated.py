"""Genes cut from GFF3 and FASTA: parts, strands, transcripts, and families by name or by hits."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.tasks.contrastive.genes import annotated
from tests.tasks.contrastive import small_genes

GAP = 'GT' + 'A' * 20 + 'AG'


@pytest.fixture(scope='module')
def genomes(tmp_path_factory):
    """Three genes in two exons each and in two species; the second gene on strand -, two forms."""
    folder = tmp_path_factory.mktemp('genomes')
    families = small_genes.sequences(3, length=180, rate=0.03)
    rows = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked']
    for species in ('alpha', 'beta'):
        text, lines = '', ['##gff-version 3']
        for number, members in enumerate(families.values()):
            codes = dna.decode(members[species])
            piece = codes[:90] + GAP + codes[90:]
            text += 'C' * 10
            start = len(text)
            if number == 1:
                piece = dna.reverse_complement_text(piece)
            text += piece
            lines += _gene(f'{species}{number}', number, start, len(codes))
        (folder / f'{species}.fa').write_text(f'>c\n{text}\n')
        (folder / f'{species}.gff3').write_text('\n'.join(lines) + '\n')
        rows.append(f'{species}\t{species}.fa\tc\t{species}.gff3\tno\tno')
    (folder / 'genomes.tsv').write_text('\n'.join(rows) + '\n')
    return folder


def _gene(name, number, start, bases):
    end = start + bases + len(GAP)
    first, second = (start, start + 90), (start + 90 + len(GAP), end)
    strand = '+'
    if number == 1:
        strand = '-'
        first, second = (end - 90, end), (start, end - 90 - len(GAP))
    # Gene 0 is called alike in both species, gene 1 in capitals in one of them.
    symbol = 'one' if number == 0 else 'TWO' if name == 'alpha1' else 'two'
    symbol = f'Name={symbol};' if number < 2 else ''
    lines = [f'c\tx\tgene\t{start + 1}\t{end}\t.\t{strand}\t.\tID={name};{symbol}']
    forms = {'t1': (first, second)} | ({'t2': (first,)} if number == 1 else {})
    for form, parts in forms.items():
        lines.append(
            f'c\tx\tmRNA\t{start + 1}\t{end}\t.\t{strand}\t.\tID={name}.{form};Parent={name}'
        )
        for a, b in parts:
            for kind in ('exon', 'CDS'):
                lines.append(f'c\tx\t{kind}\t{a + 1}\t{b}\t.\t{strand}\t.\tParent={name}.{form}')
    return lines


def test_parts_are_joined_in_the_direction_of_the_gene(genomes):
    genes = annotated.read(str(genomes), match='names')
    expected = small_genes.sequences(3, length=180, rate=0.03)
    rows = dict(zip(genes.names, genes.sequences, strict=True))
    for number, members in enumerate(expected.values()):
        np.testing.assert_array_equal(rows[f'alpha{number}.t1 of alpha'], members['alpha'])
    np.testing.assert_array_equal(rows['alpha1.t2 of alpha'], expected['f1']['alpha'][:90])
    whole = annotated.read(str(genomes), part='gene', match='names')
    assert [len(codes) for codes in whole.sequences[:2]] == [180 + len(GAP), 190 + len(GAP)]
    assert dna.decode(whole.sequences[1])[90 : 90 + len(GAP)] == GAP


def test_names_join_families_in_any_case_and_transcripts_are_of_one_gene(genomes):
    genes = annotated.read(str(genomes), match='names')
    family = dict(zip(genes.names, genes.family_N.tolist(), strict=True))
    assert family['alpha0.t1 of alpha'] == family['beta0.t1 of beta']
    assert family['alpha1.t1 of alpha'] == family['beta1.t2 of beta']
    assert family['alpha2.t1 of alpha'] != family['beta2.t1 of beta']  # no names but their ids
    gene = dict(zip(genes.names, genes.gene_N.tolist(), strict=True))
    assert gene['alpha1.t1 of alpha'] == gene['alpha1.t2 of alpha'] != gene['beta1.t1 of beta']
    assert genes.notes == ()


def test_reciprocal_hits_find_the_families_without_names(genomes):
    genes = annotated.read(str(genomes), match='hits')
    family = dict(zip(genes.names, genes.family_N.tolist(), strict=True))
    for number in range(3):
        assert family[f'alpha{number}.t1 of alpha'] == family[f'beta{number}.t1 of beta']
    assert len(genes.families) == 3
    assert '3 reciprocal best hits' in genes.notes[0] and '6 genes to 3 families' in genes.notes[0]


def test_what_is_not_annotated_is_named(genomes, tmp_path):
    for name in ('alpha.fa', 'beta.fa', 'genomes.tsv'):
        (tmp_path / name).write_text((genomes / name).read_text())
    for name in ('alpha.gff3', 'beta.gff3'):
        lines = (genomes / name).read_text().splitlines()
        (tmp_path / name).write_text('\n'.join(x for x in lines if '\tCDS\t' not in x) + '\n')
    assert len(annotated.read(str(tmp_path), part='transcript', match='names')) == 8
    with pytest.raises(errors.InputError, match='data.part=gene') as caught:
        annotated.read(str(tmp_path))
    assert caught.value.code == 'OR02'


def test_genes_on_other_names_of_contigs_are_counted(genomes, tmp_path):
    for path in genomes.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    path = tmp_path / 'beta.gff3'
    rows = path.read_text().splitlines(keepends=True)
    moved = [i for i, row in enumerate(rows) if 'beta2' in row]
    for i in moved:
        rows[i] = rows[i].replace('c\t', 'chrc\t', 1)
    path.write_text(''.join(rows))
    notes = annotated.read(str(tmp_path), match='names').notes
    assert len(notes) == 1
    assert (
        f'{len(moved)} features are on 1 contigs that the sequence does not have (chrc)'
        in (notes[0])
    )
