"""Promoters are the spans around transcript starts; negatives keep away and match their GC."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.cli import main
from genojax.data.formats import delimited, fasta, sequence_record
from genojax.data.store import promoter_table

STARTS = [
    ('c', 3_000, '+'),
    ('c', 3_020, '+'),
    ('c', 9_000, '-'),
    ('c', 30, '+'),
    ('d', 5_000, '-'),
]
SETTINGS = promoter_table.PromoterSettings(upstream=60, downstream=20, distance=500, negatives=2)


@pytest.fixture(scope='module')
def codes():
    rng = np.random.default_rng(0)
    weak = rng.choice(4, 20_000, p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)
    weak[2_900:3_100] = rng.choice([1, 2], 200)  # the first promoter is C and G alone
    weak[15_000:16_000] = rng.choice([1, 2], 1_000)
    weak[12_000:12_100] = 4
    return {'c': weak, 'd': rng.integers(0, 4, 8_000).astype(np.uint8)}


@pytest.fixture(scope='module')
def folder(codes, tmp_path_factory):
    folder = tmp_path_factory.mktemp('genomes')
    records = [sequence_record.Record(n, '', c, np.zeros(len(c), bool)) for n, c in codes.items()]
    fasta.write(folder / 'x.fa', records)
    lines = ['##gff-version 3']
    for number, (contig, first, strand) in enumerate(STARTS):
        start, end = (first + 1, first + 400) if strand == '+' else (first - 398, first + 1)
        lines.append(f'{contig}\tx\tgene\t{start}\t{end}\t.\t{strand}\t.\tID=g{number}')
        more = f'ID=t{number};Parent=g{number}'
        lines.append(f'{contig}\tx\tmRNA\t{start}\t{end}\t.\t{strand}\t.\t{more}')
    (folder / 'x.gff3').write_text('\n'.join(lines) + '\n')
    header = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked'
    (folder / 'genomes.tsv').write_text(f'{header}\nyeti\tx.fa\t*\tx.gff3\tno\tno\n')
    return folder


@pytest.fixture(scope='module')
def table(folder):
    return promoter_table.read(folder, SETTINGS)


def test_promoters_are_around_first_bases_on_their_strand(table, codes):
    rows = [row for row in table.rows if row[1] == 'promoter']
    assert [row[3:7] for row in rows] == [
        ('c', 2_940, 3_020, '+'),
        ('c', 8_981, 9_061, '-'),
        ('d', 4_981, 5_061, '-'),
    ]
    assert table.left_out == {
        'promoters beyond the end of a contig': 1,
        'promoters within half a row of another': 1,
    }
    for sequence, _, _, contig, start, end, strand, gc, _ in table.rows:
        piece = codes[contig][start:end]
        piece = dna.reverse_complement(piece) if strand == '-' else piece
        assert sequence == dna.decode(piece) and len(sequence) == 80 and 'N' not in sequence
        assert float(gc) == pytest.approx(np.isin(piece, (1, 2)).mean(), abs=1e-4)


def test_negatives_keep_their_distance_and_do_not_overlap(table):
    rows = [row for row in table.rows if row[1] == 'other']
    assert len(rows) == 6
    for row in rows:
        for contig, first, _ in STARTS:
            assert row[3] != contig or row[5] + 500 <= first or row[4] > first + 500
    for number, one in enumerate(rows):
        for other in rows[number + 1 :]:
            assert one[3] != other[3] or abs(one[4] - other[4]) >= 80


def test_negatives_have_the_gc_of_their_promoter(folder):
    many = promoter_table.PromoterSettings(upstream=60, downstream=20, distance=500, negatives=8)
    rows = promoter_table.read(folder, many).rows
    gc = {'promoter': [], 'other': []}
    for row in rows:
        if row[3] == 'c' and row[4] < 4_000 or row[1] == 'other' and len(gc['other']) < 8:
            gc[row[1]].append(float(row[7]))
    assert gc['promoter'] == [1.0] and np.mean(gc['other'][:8]) > 0.6  # of a genome with 0.2


def test_the_seed_decides_and_blocks_are_groups(folder, table):
    assert promoter_table.read(folder, SETTINGS).rows == table.rows
    other = promoter_table.PromoterSettings(
        upstream=60, downstream=20, distance=500, negatives=2, seed=1
    )
    assert promoter_table.read(folder, other).rows != table.rows
    assert {row[8] for row in table.rows} == {'yeti:c:0', 'yeti:d:0'}


def test_the_verb_writes_a_table_that_is_read_back(folder, table, tmp_path, capsys):
    out = tmp_path / 'table.tsv'
    options = ('--upstream=60', '--downstream=20', '--distance=500', '--negatives=2')
    main.main(['promoters', str(folder), f'--out={out}', *options])
    printed = capsys.readouterr().out
    assert 'left out: promoters beyond the end of a contig: 1' in printed
    assert '3 promoters, 6 others, 80 bases each' in printed
    read = delimited.read(out)
    assert read.header == list(promoter_table.COLUMNS)
    assert [row[0] for row in read.rows] == [row[0] for row in table.rows]


def test_without_starts_there_is_no_table(folder, tmp_path):
    text = (folder / 'genomes.tsv').read_text().replace('x.gff3', 'y.gff3')
    for name in ('x.fa', 'x.gff3'):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / 'y.gff3').write_text('##gff-version 3\nc\tx\texon\t5\t9\t.\t+\t.\tID=e\n')
    (tmp_path / 'genomes.tsv').write_text(text)
    with pytest.raises(errors.InputError, match='BD08.*no transcript start is annotated'):
        promoter_table.read(tmp_path)
    for changes in ({'negatives': 0}, {'upstream': -1}, {'upstream': 0, 'downstream': 0}):
        with pytest.raises(errors.UsageError):
            promoter_table.PromoterSettings(**changes)


def test_starts_on_other_names_of_contigs_are_counted(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    text = (tmp_path / 'x.gff3').read_text()
    (tmp_path / 'x.gff3').write_text(text.replace('d\tx', 'chrd\tx'))
    notes = ' '.join(promoter_table.read(tmp_path, SETTINGS).notes)
    assert '1 of 2 contigs are not annotated (d)' in notes
    assert '2 features are on 1 contigs that the sequence does not have (chrd)' in notes
    assert 'd = chrd' in notes
    assert promoter_table.read(folder, SETTINGS).notes == []
