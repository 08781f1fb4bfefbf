"""Nothing that a model is trained on is, or matches, what it is tested on."""

import json
import re

import numpy as np
import pytest

from genojax import dna, errors, genome
from genojax.data.genomes import assemblies, interval_sets, loading
from genojax.data.splits import genome_windows


def _random(seed, bases):
    return np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)


def _genome(name, bases, seed, **contig):
    return assemblies.Genome.from_arrays(
        name, [genome.Contig(f'{name}1', bases, **contig)], [_random(seed, bases)]
    )


def _clade(species=4, bases=60_000, rate=0.1):
    """Species that evolved from one ancestor by substitutions: base i of one is homologous to base i of all."""
    ancestor = _random(0, bases)
    members = []
    for s in range(species):
        random = np.random.default_rng(100 + s)
        hit = random.random(bases) < rate
        codes = np.where(hit, (ancestor + random.integers(1, 4, bases)) % 4, ancestor)
        members.append(assemblies.Genome.from_arrays(f's{s}', ['c'], [codes.astype(np.uint8)]))
    return assemblies.Corpus(members)


def _bases(corpus, parts, part_number, length):
    """Which bases of each species any window of a part covers, one boolean array per contig."""
    seen = {}
    for name, pair in parts.items():
        lengths = [contig.length for contig in corpus[name].contigs]
        seen[name] = [np.zeros(n, bool) for n in lengths]
        part = pair[part_number]
        for c, start, valid in zip(part.contig, part.start, part.valid, strict=True):
            seen[name][c][(start + np.arange(valid)) % lengths[c]] = True
    return seen


@pytest.mark.parametrize('circular', [False, True])
def test_a_gap_of_one_window_separates_the_parts(circular):
    corpus = assemblies.Corpus([_genome('x', 100_000, 1, circular=circular)])
    parts, report = genome_windows.split_windows(corpus, 100, fraction=0.2, seed=3)
    train = _bases(corpus, parts, 0, 100)['x'][0]
    test = _bases(corpus, parts, 1, 100)['x'][0]
    around = test.copy()
    for shift in range(-100, 101):
        moved = np.roll(test, shift)
        if not circular and shift:
            moved[: max(shift, 0)] = False
            moved[len(test) + min(shift, 0) :] = False
        around |= moved
    assert not (train & around).any()
    lost = interval_sets.merge(np.stack([np.flatnonzero(~around & ~train)] * 2, 1) + [0, 1])
    assert (lost[:, 1] - lost[:, 0] < 100).all()  # but for the gaps, only what holds no window
    assert abs(test.mean() - 0.2) < 0.02
    lengths = [block['end'] - block['start'] for block in report['species']['x']['blocks']]
    assert min(lengths) >= 800 and len(lengths) > 5


def test_homologous_blocks_are_test_blocks_together():
    corpus = _clade()
    parts, report = genome_windows.split_windows(corpus, 128, seed=1)
    train, test = (_bases(corpus, parts, part_number, 128) for part_number in (0, 1))
    anywhere = np.any([test[name][0] for name in corpus.species], axis=0)
    for name in corpus.species:
        assert not (train[name][0] & anywhere).any()
        assert 0.08 < test[name][0].mean() < 0.2
        assert train[name][0].mean() > 0.5
    for group in report['groups']:
        assert {block['species'] for block in group} == set(corpus.species)


@pytest.mark.parametrize('rate', [0, 0.02, 0.05, 0.1])
def test_no_planted_duplicate_is_on_both_sides(rate):
    """Copies in the same and in the other species, on both strands, with substitutions."""
    codes = {'a': _random(20, 80_000), 'b': _random(21, 80_000)}
    plan = [('a', 5_000, 'a', 50_000, 6_000), ('a', 20_000, 'b', 10_000, 6_000)]
    plan += [('b', 30_000, 'b', 60_000, 4_000), ('b', 45_000, 'a', 70_000, 3_000)]
    copies, random = [], np.random.default_rng(22)
    for number, (source, start, target, there, size) in enumerate(plan):
        copy = codes[source][start : start + size].copy()
        hit = random.random(size) < rate
        copy[hit] = (copy[hit] + random.integers(1, 4, int(hit.sum()))) % 4
        inverted = number % 2 == 1
        codes[target][there : there + size] = dna.reverse_complement(copy) if inverted else copy
        place = np.arange(there, there + size)
        copies.append((source, start + np.arange(size), target, place[::-1] if inverted else place))
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays(name, ['c'], [array]) for name, array in codes.items()]
    )
    tested = np.zeros(len(copies), int)
    for seed in range(3):
        parts, report = genome_windows.split_windows(corpus, 128, fraction=0.3, seed=seed)
        train, test = (_bases(corpus, parts, part_number, 128) for part_number in (0, 1))
        for number, (one, here, other, there) in enumerate(copies):
            pairs = (
                (train[one][0][here], test[other][0][there]),
                (test[one][0][here], train[other][0][there]),
            )
            assert not any((in_train & in_test).any() for in_train, in_test in pairs)
            tested[number] += test[one][0][here].sum() + test[other][0][there].sum()
        assert report['audit']['kmers_in_training'] == 0
    assert (tested > 0).sum() >= 3  # the law was tested


def test_without_the_search_homologues_leak_and_the_audit_sees_it():
    corpus = _clade(rate=0.01)
    with_search = genome_windows.split_windows(corpus, 128, seed=1)[1]
    without = genome_windows.split_windows(corpus, 128, seed=1, homology=False)[1]
    assert with_search['audit']['kmers_in_training'] == 0
    assert without['audit']['window_fraction'] > 0.5
    assert without['limits'] == ['homology was not searched']


def test_the_table_decides_where_it_speaks():
    contigs = [
        genome.Contig('a', 20_000, split='train'),
        genome.Contig('b', 9_050, split='test'),
    ]
    member = assemblies.Genome.from_arrays('x', contigs, [_random(6, 20_000), _random(7, 9_050)])
    parts, report = genome_windows.split_windows(assemblies.Corpus([member]), 100)
    train, test = parts['x']
    assert set(train.contig.tolist()) == {0} and train.bases == 20_000
    assert set(test.contig.tolist()) == {1} and report['species']['x']['test'] == 9_050
    assert test.start[-1] == 8_950  # the last window ends at the contig's end


def test_a_training_contig_loses_what_matches_a_held_out_one():
    a, b = _random(8, 20_000), _random(9, 20_000)
    b[5_000:8_000] = a[5_000:8_000]
    corpus = assemblies.Corpus(
        [
            assemblies.Genome.from_arrays('x', [genome.Contig('a', 20_000, split='test')], [a]),
            assemblies.Genome.from_arrays('y', [genome.Contig('b', 20_000, split='train')], [b]),
        ]
    )
    parts, report = genome_windows.split_windows(corpus, 100)
    assert len(parts['x'][0]) == 0 and len(parts['y'][1]) == 0
    train = _bases(corpus, parts, 0, 100)['y'][0]
    assert not train[5_000:8_000].any() and train[:4_500].all() and train[8_500:].all()
    assert report['species']['y']['gap'] == int((~train).sum())


def test_short_contigs_unknown_bases_and_circular_contigs():
    ring = _random(10, 1_050)
    unknown = np.full(2_000, dna.UNKNOWN, np.uint8)
    contigs = [
        genome.Contig('ring', 1_050, circular=True, split='train'),
        genome.Contig('tiny', 40, split='train'),
        genome.Contig('n', 2_000, split='train'),
        genome.Contig('h', 3_000, split='test'),
    ]
    codes = [ring, _random(11, 40), unknown, _random(12, 3_000)]
    member = assemblies.Genome.from_arrays('x', contigs, codes)
    parts, report = genome_windows.split_windows(assemblies.Corpus([member]), 100)
    train = parts['x'][0]
    rows = list(zip(train.contig.tolist(), train.start.tolist(), train.valid.tolist(), strict=True))
    assert rows == [(0, start, 100) for start in range(0, 1_050, 100)] + [(1, 0, 40)]
    assert (train.before[-1], train.after[-1]) == (0, 0)
    assert report['species']['x']['dropped_unknown_windows'] == [20, 0]


def test_windows_may_move_inside_their_block_only():
    corpus = assemblies.Corpus([_genome('x', 50_000, 13)])
    parts, _ = genome_windows.split_windows(corpus, 100, seed=2)
    train = parts['x'][0]
    covered = _bases(corpus, parts, 0, 100)['x'][0]
    for row in range(len(train)):
        low = int(train.start[row] - train.before[row])
        high = int(train.start[row] + train.after[row]) + 100
        assert covered[low:high].all()
        assert low == 0 or not covered[low - 1]
        assert high == 50_000 or not covered[high]


def test_too_small_is_an_error_that_names_the_species():
    corpus = assemblies.Corpus([_genome('big', 50_000, 14), _genome('small', 900, 15)])
    with pytest.raises(errors.InputError, match='GX-SP01: small is too small') as caught:
        genome_windows.split_windows(corpus, 100)
    assert 'split column' in caught.value.fix
    shorter = re.search(r'--config.tasks.TASK.data.mixture.length=(\d+), ', caught.value.fix)
    assert len(genome_windows.split_windows(corpus, int(shorter[1]))[0]['small'][0])
    split = [genome.Contig('c', 20_000, split='holdout')]
    odd = assemblies.Corpus([assemblies.Genome.from_arrays('x', split, [_random(16, 20_000)])])
    with pytest.raises(errors.InputError, match='SP03'):
        genome_windows.split_windows(odd, 100)
    with pytest.raises(ValueError, match='fraction'):
        genome_windows.split_windows(corpus, 100, fraction=1.0)


def test_a_species_without_training_windows_says_what_became_of_its_bases():
    unknown = np.full(2_000, dna.UNKNOWN, np.uint8)
    contigs = [genome.Contig('n', 2_000, split='train'), genome.Contig('h', 3_000, split='test')]
    member = assemblies.Genome.from_arrays('x', contigs, [unknown, _random(12, 3_000)])
    words = (
        'GX-SP02: x keeps no training window of 100 bases .*: of 5,000 bases 3,000 are test '
        'sequence, 0 lie beside it or are homologous to it, and of 20 windows of the rest 20 have '
        'too many unknown bases'
    )
    with pytest.raises(errors.InputError, match=words):
        genome_windows.split_windows(assemblies.Corpus([member]), 100)


def test_a_split_is_a_function_of_its_seed_and_its_report_is_json():
    corpus = _clade(2, 30_000)
    reports = [genome_windows.split_windows(corpus, 128, seed=seed)[1] for seed in (0, 0, 1)]
    texts = [json.dumps(report, allow_nan=False) for report in reports]
    assert texts[0] == texts[1] != texts[2]
    for entry in reports[0]['species'].values():
        assert entry['train'] + entry['test'] + entry['gap'] == entry['bases']


@pytest.fixture(scope='module')
def real_corpus(real_data, tmp_path_factory):
    from genojax.data.store import ingest

    out = tmp_path_factory.mktemp('shards')
    ingest.ingest(real_data / 'embed_default', out)
    return loading.open_shards(out)


MITO_GENES = {'nd1', 'nd2', 'nd3', 'nd4', 'nd4l', 'nd6', 'co1', 'co2', 'co3', 'atp6', 'atp8', 'cyb'}


@pytest.mark.real
@pytest.mark.parametrize('length', [256, pytest.param(512, marks=pytest.mark.slow)])
def test_no_training_base_lies_in_a_gene_whose_namesake_is_tested(real_corpus, length):
    parts, report = genome_windows.split_windows(real_corpus, length)
    train, test = (_bases(real_corpus, parts, part_number, length) for part_number in (0, 1))
    inside, touched = {}, {}
    for member in real_corpus:
        for gene in member.genes:
            place = (np.arange(gene.start, gene.end)) % member.contigs[gene.contig].length
            name = gene.name.casefold()
            inside[name] = inside.get(name, False) or train[member.name][gene.contig][place].any()
            touched[name] = touched.get(name, False) or test[member.name][gene.contig][place].any()
    assert [name for name in inside if inside[name] and touched[name]] == []
    mito = {name.removeprefix('mt-') for name in touched if name.startswith('mt-')}
    assert mito == MITO_GENES  # the law was tested on names, not on an empty list
    assert 0 < sum(touched[f'mt-{gene}'] for gene in MITO_GENES) < len(MITO_GENES)
    shares = {name: entry['test_share'] for name, entry in report['species'].items()}
    for name in ('human', 'worm', 'arabidopsis', 'mycoplasma'):
        assert 0.09 < shares[name] < 0.13
    assert min(shares.values()) > 0.09 and max(shares.values()) < 0.35
    assert report['audit']['kmer_fraction'] < 0.01  # 0.055 without pairs within a species
    assert min(entry['train'] / entry['bases'] for entry in report['species'].values()) > 0.4
    mito_windows = sum(e['windows_with_a_training_kmer'] for n, e in report['audit']['species'].items()
                       if n not in ('human', 'worm', 'arabidopsis', 'mycoplasma'))  # fmt: skip
    assert mito_windows == 0
