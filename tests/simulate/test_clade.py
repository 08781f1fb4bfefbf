"""The simulated clade, read back from its files by the readers of any genome."""

import csv
import hashlib
import itertools
import json
import re

import numpy as np
import pytest

from genojax import dna, genome, simulate
from genojax.cli import simulate as cli
from genojax.data.formats import annotation, fasta
from genojax.data.store import regions
from genojax.simulate import genes, grammar, likelihood, motifs, phylogeny

SMALL = simulate.SimulationConfig(seed=5, species=3, length=40_000, genes=8, task_rows=200)


class Species:
    """The files of one species."""

    def __init__(self, folder, name):
        self.records = {record.name: record for record in fasta.read(folder / f'{name}.fa')}
        rows = annotation.read(folder / f'{name}.gff3')
        self.features = [feature for contig in rows.contigs for feature in rows.on(contig)]
        self.lengths = rows.lengths
        lines = (folder / f'{name}.gff3').read_text().splitlines()
        self.site_names = {
            number: re.search(r'Name=([^;]+)', line)[1]
            for number, line in enumerate(lines, 1)
            if '\tTF_binding_site\t' in line
        }

    def kind(self, *kinds):
        return [feature for feature in self.features if feature.kind in kinds]

    def bases(self, place):
        codes = self.records[place.contig].codes[place.start : place.end]
        return dna.reverse_complement(codes) if place.strand == '-' else codes

    def coding(self):
        """Coding sequence in reading order per gene name."""
        parts = {}
        for feature in self.kind('CDS'):
            parts.setdefault(feature.gene, []).append(feature.interval)
        return {
            gene: np.concatenate(
                [self.bases(place) for place in sorted(places, reverse=places[0].strand == '-')]
            )
            for gene, places in parts.items()
        }


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The default clade, seed 0."""
    path = tmp_path_factory.mktemp('clade')
    simulate.write(path, simulate.SimulationConfig())
    return path


@pytest.fixture(scope='module')
def truth(folder):
    return json.loads((folder / 'truth.json').read_text())


@pytest.fixture(scope='module')
def clade(folder, truth):
    return {name: Species(folder, name) for name in truth['species']}


def _rows(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


def test_size(clade):
    assert len(clade) >= 5
    for species in clade.values():
        assert sum(len(record.codes) for record in species.records.values()) >= 300_000
        assert len(species.kind('gene')) >= 60
        for name, record in species.records.items():
            assert len(record.codes) == species.lengths[name]


def test_repeats_are_soft_masked_and_annotated_alike(clade):
    for species in clade.values():
        masked = total = 0
        for name, record in species.records.items():
            annotated = np.zeros(len(record.codes), bool)
            for feature in species.kind('repeat_region'):
                if feature.interval.contig == name:
                    annotated[feature.interval.start : feature.interval.end] = True
            np.testing.assert_array_equal(annotated, record.soft_masked)
            masked, total = masked + annotated.sum(), total + len(annotated)
        assert masked / total == pytest.approx(0.45, abs=0.03)


def test_composition_is_vertebrate_like(clade):
    for species in clade.values():
        codes = np.concatenate([record.codes for record in species.records.values()])
        share = np.bincount(codes, minlength=4) / len(codes)
        assert share[1] + share[2] == pytest.approx(0.415, abs=0.02)
        cpg = ((codes[:-1] == 1) & (codes[1:] == 2)).mean() / (share[1] * share[2])
        assert cpg < 0.4


def test_islands_are_rich_in_cpg(clade):
    for species in clade.values():
        codes = [species.bases(feature.interval) for feature in species.kind('CpG_island')]
        assert len(codes) >= 10
        joined = np.concatenate(codes)
        share = np.bincount(joined, minlength=4) / len(joined)
        assert share[1] + share[2] > 0.5
        assert ((joined[:-1] == 1) & (joined[1:] == 2)).mean() / (share[1] * share[2]) > 0.6


def test_introns_start_with_gt_and_end_with_ag(clade):
    for species in clade.values():
        count = 0
        for contig in species.records:
            for place in regions.introns(species.features, contig):
                text = dna.decode(species.bases(place))
                assert (text[:2], text[-2:]) == ('GT', 'AG'), place
                count += 1
        assert count >= 60
        exons = [feature.parents[0] for feature in species.kind('exon')]
        assert all(exons.count(transcript) >= 2 for transcript in set(exons))


def test_coding_sequence_has_no_stop_inside(clade):
    place = np.array([16, 4, 1])
    for species in clade.values():
        coding = species.coding()
        assert len(coding) >= 60
        for gene, codes in coding.items():
            assert len(codes) % 3 == 0, gene
            protein = ''.join(genes.AMINO_ACIDS[codon] for codon in codes.reshape(-1, 3) @ place)
            assert protein[0] == 'M', gene
            assert protein[-1] == '*', gene
            assert '*' not in protein[:-1], gene
        third = np.concatenate([codes[3:-3].reshape(-1, 3) for codes in coding.values()])
        gc = ((third == 1) | (third == 2)).mean(axis=0)
        assert gc[2] > gc[1] + 0.08, 'no period of three bases'


def test_phase_counts_the_bases_to_the_next_codon(folder, clade):
    for name in clade:
        done = {}
        rows = [line.split('\t') for line in (folder / f'{name}.gff3').read_text().splitlines()]
        rows = [row for row in rows if len(row) == 9 and row[2] == 'CDS']
        rows.sort(key=lambda row: int(row[3]) if row[6] == '+' else -int(row[3]))
        for row in rows:
            before = done.get(row[8], 0)
            assert (before + int(row[7])) % 3 == 0
            done[row[8]] = before + int(row[4]) - int(row[3]) + 1


def test_promoters_are_at_the_starts_of_their_genes(clade):
    window = grammar.DEFAULT
    for species in clade.values():
        gene_at = {feature.gene: feature.interval for feature in species.kind('gene')}
        promoters = species.kind('promoter')
        assert {feature.gene for feature in promoters} == set(gene_at)
        for feature in promoters:
            place, gene = feature.interval, gene_at[feature.gene]
            assert len(place) == window.length
            assert place.strand == gene.strand
            upstream = gene.start - place.start if gene.strand == '+' else place.end - gene.end
            assert upstream == window.upstream


def _log_odds(codes, motif):
    return motifs.log_scores(codes[None], motif)[0, 0] - motif.width * np.log(0.25)


def test_sites_match_their_motifs(clade):
    """The log odds of a site are positive in every species, and negative 300 bases away."""
    by_name = {motif.name: motif for motif in motifs.MOTIFS}
    for species in clade.values():
        sites = species.kind('TF_binding_site')
        assert len(sites) > 200
        names = {'TATA': 0, 'Inr': 0, 'AP1': 0}
        at_site, elsewhere = [], []
        for feature in sites:
            name = species.site_names[feature.line]
            place = feature.interval
            moved = genome.Interval(place.contig, place.start + 300, place.end + 300, place.strand)
            at_site.append(_log_odds(species.bases(place), by_name[name]))
            if moved.end <= len(species.records[place.contig].codes):
                elsewhere.append(_log_odds(species.bases(moved), by_name[name]))
            if name in names:
                names[name] += 1
        assert min(names.values()) >= 8, names
        assert np.mean(np.array(at_site) > 0) > 0.93
        assert np.mean(at_site) > 3 > 0 > np.mean(elsewhere)


def test_genome_promoters_score_as_promoters(clade, truth):
    """The likelihood ratio still recognises promoters after evolution."""
    for species in clade.values():
        windows = np.stack([species.bases(f.interval) for f in species.kind('promoter')])
        classified = [truth['genes'][f.gene] != 'unclassified' for f in species.kind('promoter')]
        ratio = likelihood.log_likelihood_ratio(grammar.DEFAULT, windows)
        assert np.mean(ratio[classified] > 0) > 0.85


def test_enhancers_are_far_from_their_genes(clade):
    for species in clade.values():
        gene_at = {feature.gene: feature.interval for feature in species.kind('gene')}
        enhancers = species.kind('enhancer')
        assert len(enhancers) >= 30
        distances = []
        for feature in enhancers:
            gene = gene_at[feature.gene]
            assert gene.contig == feature.interval.contig
            distances.append(
                max(gene.start - feature.interval.end, feature.interval.start - gene.end)
            )
            inside = [
                species.site_names[site.line]
                for site in species.kind('TF_binding_site')
                if site.interval.overlaps(feature.interval)
            ]
            assert len(inside) >= 4
            assert inside.count('AP1') >= 2
        assert min(distances) >= 0
        assert np.median(distances) > 1_000


def test_every_region_kind_is_read(clade):
    for species in clade.values():
        contig = 'chr1'
        record = species.records[contig]
        bits = regions.region_bits(
            species.features, contig, len(record.codes), soft_mask=record.soft_masked
        )
        for region in genome.Region:
            assert (bits & region).any(), region


def test_orthologues_have_the_coordinates_of_their_genes(folder, clade):
    rows = _rows(folder / 'orthologues.tsv')
    assert len(rows) == len({(row['gene'], row['species']) for row in rows})
    assert len(rows) == sum(len(species.kind('gene')) for species in clade.values())
    for row in rows:
        place = genome.Interval(row['contig'], int(row['start']), int(row['end']), row['strand'])
        genes_here = [f.gene for f in clade[row['species']].kind('gene') if f.interval == place]
        assert genes_here == [row['gene']]


def test_identity_of_orthologues_decreases_with_distance(clade, truth):
    coding = {name: species.coding() for name, species in clade.items()}
    distance = phylogeny.distances(phylogeny.parse(truth['tree']))
    identity = {}
    for one, other in itertools.combinations(clade, 2):
        same = np.concatenate(
            [
                (coding[one][gene] == coding[other][gene])[3:-3].reshape(-1, 3)
                for gene in coding[one]
            ]
        ).mean(axis=0)
        assert same[2] < min(same[0], same[1]), 'replacements are not rarer than synonymous changes'
        identity[one, other] = same[2]
    for pair, other in itertools.permutations(identity, 2):
        if distance[other] > distance[pair] + 0.03:
            assert identity[pair] > identity[other], (pair, other)
    assert 0.7 < min(identity.values()) < 0.93


def test_species_differ_in_length_and_coordinates(clade):
    lengths = {len(species.records['chr1'].codes) for species in clade.values()}
    assert len(lengths) == len(clade)


def _kmers(codes, k=30):
    """30-mers of both strands as numbers, two 15-mers each."""
    half = k // 2
    result = []
    for strand in (codes, dna.reverse_complement(codes)):
        index = dna.kmer_indices(strand, half).astype(np.int64)
        result.append(index[..., :-half] << 30 | index[..., half:])
    return result


def test_task_shares_no_30_mer_with_the_genomes_or_within_itself(folder, clade):
    rows = _rows(folder / 'promoters' / 'promoters.tsv')
    codes_NL = np.stack([dna.encode(row['sequence']) for row in rows])
    forward, reverse = _kmers(codes_NL)
    own = np.where(forward < reverse[:, ::-1], forward, reverse[:, ::-1])
    assert len(np.unique(own)) == own.size
    for species in clade.values():
        for record in species.records.values():
            assert not np.isin(forward, np.concatenate(_kmers(record.codes))).any()


def test_task_is_balanced_and_carries_the_exact_ratio(folder):
    rows = _rows(folder / 'promoters' / 'promoters.tsv')
    assert list(rows[0]) == ['sequence', 'label', 'log_likelihood_ratio']
    labels = np.array([int(row['label']) for row in rows])
    assert len(labels) >= 5_000
    assert labels.mean() == 0.5
    assert 0.4 < labels[: len(labels) // 2].mean() < 0.6, 'the rows are not in random order'
    codes_NL = np.stack([dna.encode(row['sequence']) for row in rows])
    written = [float(row['log_likelihood_ratio']) for row in rows]
    exact = likelihood.log_likelihood_ratio(grammar.DEFAULT, codes_NL)
    np.testing.assert_allclose(written, exact, rtol=0, atol=1e-6)


def test_genome_table_names_every_contig_once(folder, clade):
    rows = _rows(folder / 'genomes.tsv')
    for name, species in clade.items():
        table_rows = [row for row in rows if row['species'] == name]
        contigs = [contig for row in table_rows for contig in row['contigs'].split(',')]
        assert contigs == list(species.records)
        assert {row['split'] for row in table_rows} == {'train', 'test'}
        assert all(row['softmasked'] == 'yes' and row['circular'] == 'no' for row in table_rows)


def _digests(folder):
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_equal_settings_give_equal_bytes(tmp_path):
    simulate.write(tmp_path / 'a', SMALL)
    simulate.write(tmp_path / 'b', SMALL)
    first = _digests(tmp_path / 'a')
    assert first == _digests(tmp_path / 'b')
    assert len(first) == 3 * 2 + 4
    other = simulate.SimulationConfig(seed=6, species=3, length=40_000, genes=8, task_rows=200)
    simulate.write(tmp_path / 'c', other)
    assert not set(_digests(tmp_path / 'c').values()) & set(first.values()) - {first['genomes.tsv']}


def test_task_size_does_not_change_the_genomes(tmp_path):
    simulate.write(tmp_path / 'a', SMALL)
    other = simulate.SimulationConfig(seed=5, species=3, length=40_000, genes=8, task_rows=0)
    simulate.write(tmp_path / 'b', other)
    first, second = _digests(tmp_path / 'a'), _digests(tmp_path / 'b')
    assert set(first) - set(second) == {'promoters/promoters.tsv'}
    assert all(first[name] == second[name] for name in second if name != 'truth.json')


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'species': 1}, 'self.species=1'),
        ({'length': 10_000}, 'bases per gene'),
        ({'genes': 3}, 'self.genes=3'),
        ({'repeat_fraction': 0.9}, 'self.repeat_fraction=0.9'),
        ({'task_rows': 5}, 'self.task_rows=5'),
        ({'species': 2, 'tree': '(a:0.1,b:0.1,c:0.1);'}, '3 tips'),
        ({'species': 2, 'tree': '(a:0.1,a:0.1);'}, 'names a tip twice'),
        ({'species': 2, 'tree': '(a:0.1,b);'}, 'lacks a branch length'),
        ({'species': 2, 'tree': '(a:0.1,b:0.1'}, 'end with ;'),
        ({'species': 2, 'tree': '(a:0.1,b:-1);'}, "'-1'"),
        ({'species': 2, 'tree': '(a:0.1,../b:0.1);'}, 'tip name'),
    ],
)
def test_invalid_settings_are_refused(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate.SimulationConfig(**fields)


def test_command_line(tmp_path, capsys):
    cli.run([str(tmp_path / 'x'), '--species=2', '--length=40000', '--genes=8', '--task-rows=100'])
    assert 'sim_beta' in capsys.readouterr().out
    with pytest.raises(cli.errors.UsageError, match='not an empty folder'):
        cli.run([str(tmp_path / 'x')])
    with pytest.raises(cli.errors.UsageError, match='genes'):
        cli.run([str(tmp_path / 'y'), '--genes=1'])
