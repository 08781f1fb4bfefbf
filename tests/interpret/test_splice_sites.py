"""Introns and decoys of genes on both strands, in windows that a model can read."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.formats import annotation
from genojax.interpret import splice_sites


def gene_annotation(folder, genes):
    """Genes of 300 bases with one intron of 100 each, alternating strands, on one contig."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 400 * genes).astype(np.uint8)
    lines = ['##gff-version 3']
    for number in range(genes):
        start, strand = 400 * number + 50, '+-'[number % 2]
        exons = (start, start + 100), (start + 200, start + 300)
        ends = dna.encode('GT'), dna.encode('AG')
        if strand == '-':
            ends = dna.encode('CT'), dna.encode('AC')
        codes[start + 100 : start + 102], codes[start + 198 : start + 200] = ends
        place = f'c\tx\tgene\t{start + 1}\t{start + 300}\t.\t{strand}\t.\tID=g{number}'
        lines.append(place)
        lines.append(place.replace('gene', 'mRNA').replace('ID=g', 'ID=t') + f';Parent=g{number}')
        for a, b in exons:
            lines.append(f'c\tx\texon\t{a + 1}\t{b}\t.\t{strand}\t.\tParent=t{number}')
    path = folder / 'genes.gff3'
    path.write_text('\n'.join(lines) + '\n')
    return {'c': codes}, annotation.read(path)


@pytest.mark.parametrize('length', [400, 160])
def test_introns_begin_with_gt_and_end_with_ag_on_both_strands(length, tmp_path):
    contigs, source = gene_annotation(tmp_path, 6)
    windows, left_out = splice_sites.windows(contigs, source, length)
    assert left_out == {}
    assert [window.gene for window in windows] == [f'g{i}' for i in range(6)]
    for window in windows:
        ((donor, acceptor),) = window.introns_N2.tolist()
        text = dna.decode(window.codes_L)
        assert text[donor : donor + 2] == 'GT'
        assert text[acceptor : acceptor + 2] == 'AG'
        assert acceptor + 2 - donor == 100
        assert len(text) == min(length, 300)
    assert splice_sites.windows(contigs, source, 103)[1] == {'introns longer than a window': 6}


def test_decoys_are_all_other_pairs(tmp_path):
    contigs, source = gene_annotation(tmp_path, 2)
    window = splice_sites.windows(contigs, source, 400)[0][1]
    pairs = splice_sites.pairs(window, shortest=30)
    text, expected = dna.decode(window.codes_L), set()
    for p in range(len(text) - 1):
        for q in range(p, len(text) - 1):
            if text[p : p + 2] == 'GT' and text[q : q + 2] == 'AG' and q + 2 - p >= 30:
                expected.add((p, q))
    assert set(zip(pairs.donor_N.tolist(), pairs.acceptor_N.tolist(), strict=True)) == expected
    assert pairs.label_N.sum() == 1
    assert pairs.length_N[pairs.label_N].tolist() == [100]


def test_introns_that_are_not_gt_ag_are_counted(tmp_path):
    contigs, source = gene_annotation(tmp_path, 2)
    contigs['c'][150:152] = 0
    windows, left_out = splice_sites.windows(contigs, source, 400)
    assert len(windows) == 1
    assert left_out == {'introns that are not GT..AG': 1}
    with pytest.raises(errors.InputError, match='no gene rows on the contigs'):
        splice_sites.windows({'other': contigs['c']}, source, 400)


def test_genes_on_contigs_that_are_not_in_the_fasta_file_are_counted(tmp_path):
    contigs, _ = gene_annotation(tmp_path, 6)
    path = tmp_path / 'genes.gff3'
    text = path.read_text()
    path.write_text(text + text.replace('c\t', 'MT\t').replace('=g', '=mg').replace('=t', '=mt'))
    windows, left_out = splice_sites.windows(contigs, annotation.read(path), 400)
    assert len(windows) == 6
    assert left_out == {'genes on contigs that the FASTA file does not have': 6}
