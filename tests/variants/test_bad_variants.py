"""Odd variants and their answers: rows 58 to 70 of the list of bad inputs, by the command line.

Rows 1 to 57, 71 and 72 are in tests/data/test_bad_inputs.py.
"""

import numpy as np
import pytest

from genojax import dna
from genojax.cli import main
from genojax.predict import loading
from genojax.variants import scorer, windows
from genojax.variants.alleles import Edit
from tests.variants.conftest import WINDOW

HEADER = '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
# 'ACGT' fifty times, with N in the middle, and a run of A: every base is known by its place.
TEXT = 'ACGT' * 25 + 'NN' + 'GT' + 'ACGT' * 20 + 'CAAAAG' + 'ACGT' * 10


def snv(position, alternate, reference=None):
    return position, reference or TEXT[position - 1], alternate


# Number, name -> (POS, REF, ALT of each record, state of each ALT, words printed).
STATES = {
    (58, 'another REF'): (
        [snv(9, 'C', 'G')],
        ['ref_mismatch'],
        'REF of 1 of 1 records is not what the FASTA file has there (first: line 3, c:9, REF G, '
        'FASTA A)',
    ),
    (58, 'swapped'): ([snv(9, 'A', 'G')], ['ref_mismatch'], 'alleles swapped?'),
    (59, 'lower case'): ([snv(9, 'g', 'a')], ['scored'], '1 scored'),
    (60, 'several ALTs'): ([snv(9, 'G,T,C')], ['scored'] * 3, '3 scored'),
    (61, 'star'): ([snv(9, '*,G')], ['overlapping_deletion', 'scored'], 'overlapping_deletion 1'),
    (62, 'no ALT'): ([snv(9, '.')], ['missing'], 'missing 1'),
    (63, 'symbolic'): ([snv(9, '<DEL>')], ['symbolic'], 'symbolic 1'),
    (63, 'breakend'): ([snv(9, 'A[c:50[')], ['symbolic'], 'symbolic 1'),
    (64, 'REF as ALT'): ([snv(9, 'A')], ['same_as_ref'], 'same_as_ref 1'),
    (65, 'dash'): ([snv(9, '-')], ['malformed'], "(first: line 3), which VCF does not have. Fix: "
                   '--vep-alleles'),
    (65, 'empty ALT'): ([snv(9, '')], ['malformed'], 'malformed 1'),
    (67, 'POS 0'): ([(0, 'A', 'C')], ['contig_edge'], 'contig_edge 1'),
    (67, 'past the end'): ([(len(TEXT) + 1, 'A', 'C')], ['contig_edge'], 'contig_edge 1'),
    (67, 'negative'): ([(-5, 'A', 'C')], ['malformed'], 'malformed 1'),
    (67, 'text'): ([('9x', 'A', 'C')], ['malformed'], 'malformed 1'),
    (68, 'N in the genome'): ([(101, 'A', 'C')], ['non_acgt'], 'non_acgt 1'),
    (68, 'N as ALT'): ([snv(9, 'N')], ['non_acgt'], 'non_acgt 1'),
    (68, 'IUPAC'): ([snv(9, 'R')], ['non_acgt'], 'non_acgt 1'),
    (70, 'twice'): ([snv(9, 'G'), snv(9, 'G')], ['scored'] * 2, '2 records'),
}  # fmt: skip
MANY = [snv(9, 'G') if n % 5 else snv(9, 'C', 'G') for n in range(120)]
# Number, name -> (the file, flags, the error).
REFUSED = {
    (58, 'stop'): ([snv(9, 'C', 'G')], ['--check-ref=e'], "GX-VC05: in.vcf:3: record 'c', base 9: REF is G, but the FASTA file has A"),
    (58, 'assembly'): (MANY, [], 'GX-VC07: in.vcf: REF of 24 of 120 records differs'),
    (58, 'few'): ([snv(9, 'G'), *[snv(9, 'C', 'G')] * 3], [], 'GX-VC07: in.vcf: REF of 3 of 4 records differs'),
    (58, 'names'): (HEADER + 'Chr1\t9\t.\tA\tG\t.\t.\t.\n', [], 'GX-VC10: in.vcf: none of its 1 records is on a contig of the FASTA file: they are on Chr1, the FASTA file has c. Fix: use the FASTA file'),
    (58, 'alike'): (HEADER + 'chrC\t9\t.\tA\tG\t.\t.\t.\n', ['--check-ref=x'], 'GX-VC10: in.vcf: none of its 1 records is on a contig of the FASTA file: they are on chrC, the FASTA file has c; names that look alike: chrC = c. Fix: printf '),
    (69, 'spaces'): (HEADER + 'c 9 . A G . . .\n', [], 'GX-VC03: in.vcf:3: 1 of the 8 columns'),
    (69, 'no header'): ('c\t9\t.\tA\tG\t.\t.\t.\n', [], "GX-VC01: in.vcf:1: the first line is 'c"),
    (69, 'no columns'): (HEADER[:21] + 'c\t9\t.\tA\tG\t.\t.\t.\n', [], 'GX-VC02: in.vcf:2: '),
}  # fmt: skip


@pytest.fixture
def score(model_of, tmp_path, monkeypatch, capsys):
    """Scores records, or the text of a file; (states, LLR, PLL, what was printed)."""
    model = model_of('nucleotide')
    monkeypatch.setattr(loading, 'load', lambda path, **options: model)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'g.fa').write_text(f'>c\n{TEXT}\n')

    def call(records, *flags):
        if not isinstance(records, str):
            records = HEADER + ''.join(f'c\t{p}\t.\t{r}\t{a}\t.\t.\t.\n' for p, r, a in records)
        (tmp_path / 'in.vcf').write_text(records)
        paths = ['--vcf=in.vcf', '--fasta=g.fa', '--out=out.vcf']
        main.main(['score', 'MODEL', *paths, f'--window={WINDOW}', *flags])
        infos = [row.split('\t')[7] for row in (tmp_path / 'out.vcf').read_text().splitlines()[2:]
                 if row.startswith('c\t')]  # fmt: skip
        values = [dict(part.partition('=')[::2] for part in info.split(';')) for info in infos]
        states = [cell.split('|')[1] for row in values for cell in row['GENOJAX'].split(',')]
        numbers = [
            [cell for row in values for cell in row.get(f'GENOJAX_{name}', '').split(',')]
            for name in ('LLR', 'PLL')
        ]
        return states, *numbers, capsys.readouterr().out

    return call


@pytest.mark.parametrize('case', STATES, ids=lambda case: f'{case[0]}-{case[1]}')
def test_every_odd_allele_has_a_state_and_is_counted(score, case):
    records, states, words = STATES[case]
    found, llr, pll, printed = score(records)
    assert found == states and words in printed
    scored = [state == 'scored' for state in states]
    given = zip(llr, pll, strict=True) if len(llr) == len(pll) else zip(llr, llr, strict=True)
    if any(scored):
        assert [one not in ('', '.') for one, _ in given] == scored


@pytest.mark.parametrize('case', REFUSED, ids=lambda case: f'{case[0]}-{case[1]}')
def test_a_bad_file_is_one_line_with_place_and_fix_and_exit_code_3(score, capsys, case):
    records, flags, start = REFUSED[case]
    with pytest.raises(SystemExit) as stop:
        score(records, *flags)
    lines = capsys.readouterr().err.splitlines()
    error = lines[-1]
    assert stop.value.code == 3 and all(line.startswith('records scored') for line in lines[:-1])
    assert error.startswith(f'genojax: error {start}')
    assert 'Fix: ' in error


def test_records_of_another_assembly_can_be_left_out(score):
    states, _, _, printed = score(MANY, '--check-ref=x')
    assert states == ['scored'] * 96 and 'left out (--check-ref=x): 24 records' in printed
    states, _, _, _ = score(MANY[:90])  # of so few records a tenth may be chance
    assert states.count('ref_mismatch') == 18


def test_alternates_of_a_record_keep_their_order_and_have_the_scores_of_records_of_their_own(score):
    _, together, _, _ = score([snv(9, 'G,T,C')])
    _, alone, _, _ = score([snv(9, alternate) for alternate in 'GTC'])
    assert together == alone and len(set(alone)) == 3
    _, twice, _, _ = score([snv(9, 'G'), snv(9, 'G')])
    assert twice == alone[:1] * 2


def test_spellings_of_one_indel_have_one_score(score):
    """CAAAAG without one A, at any A, and as VEP writes it."""
    at = TEXT.index('CAAAAG') + 1
    _, _, anchored, _ = score([(at, 'CA', 'C'), (at + 1, 'AA', 'A'), (at + 3, 'AAG', 'AG')])
    states, _, bare, _ = score([(at + 2, 'A', '-')], '--vep-alleles')
    assert states == ['scored'] and set(anchored) == set(bare) and len(set(bare)) == 1
    _, _, inserted, _ = score([(at, 'C', 'CG')])
    states, _, bare, _ = score([(at + 1, '-', 'G')], '--vep-alleles')
    assert states == ['scored'] and bare == inserted
    states, _, _, _ = score([(at, '-', '-'), (at, '-', '*'), (at, 'C', '-A')], '--vep-alleles')
    assert states == ['same_as_ref', 'overlapping_deletion', 'malformed']


def equal_windows(model, count):
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(count):
        codes_L = rng.integers(0, 4, WINDOW).astype(np.uint8)
        at = int(rng.integers(0, WINDOW - 4))
        reference = dna.decode(codes_L[at : at + 1 + number % 2 * 3])
        alternate = reference if len(reference) == 1 else reference[:1]
        pairs.append(windows.AllelePair(codes_L, codes_L, at, Edit(at, reference, alternate)))
    scored = scorer.VariantScorer(model, scores=('likelihood', 'distance'), window=WINDOW)
    return pairs, scored.score_pairs(pairs)


@pytest.mark.parametrize('count', [16, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_reference_in_the_place_of_the_alternate_has_score_0(model_of, count):
    pairs, values = equal_windows(model_of('nucleotide'), count)
    substitution_N = np.array([pair.edit.is_substitution for pair in pairs])
    assert (values['LLR'][substitution_N] == 0).all() and substitution_N.any()
    assert (values['PLL'][~substitution_N] == 0).all() and (values['DISTANCE'] == 0).all()
