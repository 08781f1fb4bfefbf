"""VCF in, VCF out: no record is lost or changed, every ALT has a state, a kill changes nothing."""

import gzip
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

import numpy as np
import pytest

from genojax import dna, errors, locks
from genojax.data.formats import input_file
from genojax.genome import Variant
from genojax.variants import calibrate, partial_output, score_file, scorer
from genojax.variants.alleles import AlleleState
from tests import commands

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=600>
##contig=<ID=2,length=40>
##INFO=<ID=DP,Number=1,Type=Integer,Description="depth">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
##ALT=<ID=DEL,Description="deletion">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1
"""
ODD = ('*', '.', '<DEL>', 'N', 'R', 'A]chr1:9]', '', 'x?', 'A' * 40, 'acg')


class SumScorer(scorer.VariantScorer):
    """Scores are sums over base codes: no network is run. It stops at call number `stop_at`."""

    stop_at = None
    calls = 0

    def score_pairs(self, pairs, annotation_NF=None):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        values = {name: np.full(len(pairs), np.nan) for name in self.columns}
        for i, pair in enumerate(pairs):
            weights = np.arange(len(pair.alternate_L))
            score = (pair.alternate_L.astype(int) - pair.reference_L) @ weights / 7
            values['LLR' if pair.edit.is_substitution else 'PLL'][i] = score
        return values


@pytest.fixture(scope='module')
def genome(tmp_path_factory):
    """A FASTA file with contigs chr1 (600 bases, some N) and 2 (40), and the text of both."""
    codes = np.random.default_rng(0).integers(0, 4, 640).astype(np.uint8)
    codes[300:305] = 4
    texts = {'chr1': dna.decode(codes[:600]), '2': dna.decode(codes[600:])}
    path = tmp_path_factory.mktemp('genome') / 'g.fa'
    lower = texts['chr1'][:200].lower() + texts['chr1'][200:]
    path.write_text(f'>chr1\n{lower}\n>2\n{texts["2"]}\n')
    return path, texts


@pytest.fixture
def score(model_of, genome, tmp_path, monkeypatch):
    """Scores the text of a VCF file by a `SumScorer`; returns the text of the output."""
    monkeypatch.setattr(calibrate, 'CHUNK', 5)

    def call(content, out='out.vcf', check_ref='w', stop_at=None, limit=None, **request):
        data = content if isinstance(content, bytes) else content.encode('latin-1')
        (tmp_path / 'in.vcf').write_bytes(data)
        known = SumScorer(model_of('nucleotide'), window=16, check_ref=check_ref)
        known.stop_at = stop_at
        paths = {'vcf': str(tmp_path / 'in.vcf'), 'fasta': str(genome[0])}
        file_request = score_file.FileRequest(**paths, out=str(tmp_path / out), **request)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit or before[0], before[1]))
        try:
            call.summary = score_file.run(known, file_request)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return (tmp_path / out).read_bytes()

    return call


def record(rng, texts):
    """One random record: mostly a variant of the genome, sometimes anything."""
    contig = rng.choice(['chr1', '2', 'chr1', 'chr2', 'MT'], p=[0.6, 0.2, 0.1, 0.05, 0.05])
    text = texts.get(contig, 'A' * 50)
    position = int(rng.integers(0, len(text) + 2))
    reference = text[max(position - 1, 0) :][: int(rng.integers(1, 5))] or 'A'
    if rng.random() < 0.1:
        reference = rng.choice(['G', 'acg', 'N', 'AX'])
    alternates = []
    for _ in range(int(rng.integers(1, 4))):
        base = ''.join(rng.choice(list('ACGT'), int(rng.integers(1, 4))))
        alternates.append(base if rng.random() < 0.8 else str(rng.choice(ODD)))
    info = rng.choice(['.', 'DP=3', 'DP=3;X', ''])
    fields = [contig, str(position), '.', reference, ','.join(alternates), '.', 'PASS', info]
    return '\t'.join([*fields, 'GT', '0/1'])


def generated(rng, texts, count=12):
    end = rng.choice(['\n', '\r\n'])
    lines = [record(rng, texts) for _ in range(count)]
    return HEADER + end.join(lines) + (end if rng.random() < 0.8 else '')


def body(data):
    lines = data.split(b'\n')
    return lines[next(i for i, line in enumerate(lines) if line.startswith(b'#CHROM')) + 1 :]


def without_scores(line):
    columns = line.split(b'\t')
    if len(columns) < 8 or line.startswith(b'#'):
        return line
    kept = [part for part in columns[7].split(b';') if not part.startswith(b'GENOJAX')]
    columns[7] = b';'.join(kept)
    return b'\t'.join(columns)


def check(content, result):
    """Lines in = lines out but for INFO, and one state per ALT, with a score where SCORED."""
    data = content if isinstance(content, bytes) else content.encode('latin-1')
    lines, scored = body(data), body(result)
    assert len(lines) == len(scored)
    for before, after in zip(lines, scored, strict=True):
        columns = before.split(b'\t')
        if len(columns) < 8 or before.startswith(b'#'):
            assert before == after
            continue
        last = len(columns) == 8 and columns[7].endswith(b'\r')
        empty = columns[7].rstrip(b'\r') in (b'.', b'')
        expected = list(columns)
        expected[7] = (b'' if empty else columns[7].rstrip(b'\r')) + b'\r' * last * 0
        assert without_scores(after.rstrip(b'\r')).split(b'\t')[:7] == columns[:7]
        assert without_scores(after.rstrip(b'\r')).split(b'\t')[7] == expected[7].rstrip(b';')
        assert after.split(b'\t')[8:] == columns[8:]
        info = dict(part.partition(b'=')[::2] for part in after.split(b'\t')[7].split(b';'))
        parts = info[b'GENOJAX'].rstrip(b'\r').split(b',')
        assert len(parts) == len(columns[4].split(b','))
        states = [part.split(b'|')[1].decode() for part in parts]
        assert set(states) <= set(AlleleState)
        for number, state in enumerate(states):
            values = {
                info[key].rstrip(b'\r').split(b',')[number]
                for key in (b'GENOJAX_LLR', b'GENOJAX_PLL')
                if key in info
            }
            assert (state == 'scored') == bool(values - {b'.'})


def sweep(score, texts, files, mutated):
    """How many mutated files were refused; everything else must come back whole."""
    refused = 0
    for seed in range(files):
        rng = np.random.default_rng([0, seed])
        content = generated(rng, texts)
        check(content, score(content))
        assert sum(score.summary.states.values()) == sum(
            line.split('\t')[4].count(',') + 1
            for line in content.split('#CHROM')[1].splitlines()[1:]
        )
    for seed in range(mutated):
        rng = np.random.default_rng([1, seed])
        content = bytearray(generated(rng, texts).encode())
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(content)))
            kind = int(rng.integers(4))
            if kind == 0:
                content[at] = int(rng.integers(256))
            elif kind == 1:
                del content[at : at + int(rng.integers(1, 20))]
            elif kind == 2:
                content[at:at] = content[max(at - 30, 0) : at]
            else:
                content = content[: max(at, 1)]
        try:
            check(bytes(content), score(bytes(content)))
        except errors.InputError as error:
            assert error.code in ('VC01', 'VC02', 'VC03', 'VC10')
            if error.code == 'VC10':
                assert not {line.split(b'\t')[0] for line in body(bytes(content))} & {b'chr1', b'2'}
            refused += 1
            for partial in pathlib.Path(score.folder).glob('*.partial'):
                shutil.rmtree(partial)
    return refused


def test_generated_and_mutated_files_come_back_whole(score, genome, tmp_path):
    score.folder = tmp_path
    assert sweep(score, genome[1], files=15, mutated=15) < 15


@pytest.mark.slow
def test_1000_generated_and_300_mutated_files(score, genome, tmp_path):
    score.folder = tmp_path
    assert sweep(score, genome[1], files=1000, mutated=300) < 300


def test_states_of_odd_records(score, genome):
    text = genome[1]['chr1']
    other = {'A': 'C', 'C': 'G', 'G': 'T', 'T': 'A', 'N': 'A'}
    rows = [
        ('chr1', 51, text[50], other[text[50]], 'scored'),
        ('chr1', 51, text[50].lower(), other[text[50]].lower(), 'scored'),
        ('chr1', 51, other[text[50]], text[50], 'ref_mismatch'),
        ('1', 51, text[50], other[text[50]], 'no_contig'),
        ('chr1', 0, 'A', 'C', 'contig_edge'),
        ('chr1', 601, 'A', 'C', 'contig_edge'),
        ('chr1', 303, 'A', 'C', 'non_acgt'),
        ('chr1', 303, 'N', 'C', 'non_acgt'),
        ('chr1', 51, text[50], text[50], 'same_as_ref'),
        ('chr1', 51, text[50], text[50] + 'A' * 20, 'too_long'),
        ('chr1', 'x', text[50], other[text[50]], 'malformed'),
        ('chr1', 51, '', 'C', 'malformed'),
        ('chr1', 51, text[50], '*', 'overlapping_deletion'),
        ('chr1', 51, text[50], '.', 'missing'),
        ('chr1', 51, text[50], '<DEL>', 'symbolic'),
    ]
    lines = [f'{c}\t{p}\t.\t{r}\t{a}\t.\t.\t.\tGT\t0/1\n' for c, p, r, a, _ in rows]
    result = score(HEADER + ''.join(lines))
    states = [line.split(b'GENOJAX=')[1].split(b'|')[1].decode() for line in body(result)[:-1]]
    assert states == [row[4] for row in rows]
    assert "'1': no such contig in the FASTA file, which calls it 'chr1'" in score.summary.text('x')


def test_check_ref_as_in_bcftools(score, genome):
    text = genome[1]['chr1']
    wrong = next(b for b in 'ACGT' if b != text[50])
    third = next(b for b in 'ACGT' if b not in (text[50], wrong))
    good = f'chr1\t61\t.\t{text[60]}\t{wrong if wrong != text[60] else third}\t.\t.\t.\tGT\t0/1\n'
    bad = f'chr1\t51\t.\t{wrong}\t{third}\t.\t.\t.\tGT\t0/1\n'
    swap = f'chr1\t51\t.\t{wrong}\t{text[50]}\t.\t.\t.\tGT\t0/1\n'
    content = HEADER + good + bad + swap
    assert score.__call__(content).count(b'|ref_mismatch|') == 2
    assert len(body(score(content, check_ref='x'))) == 2
    assert score.summary.left_out == 2
    lines = body(score(content, check_ref='s'))
    assert lines[1].split(b'\t')[3] == text[50].encode() and b'|scored|' in lines[1]
    assert lines[2].startswith(swap[:12].encode()) and b'|ref_mismatch|' in lines[2]
    with pytest.raises(errors.InputError) as caught:
        score(content, check_ref='e')
    assert (caught.value.code, caught.value.line) == ('VC05', HEADER.count('\n') + 2)


@pytest.mark.parametrize(('out', 'table'), [('a.vcf', False), ('a.vcf.gz', False), ('a.tsv', True)])
def test_a_killed_run_continues_to_the_same_bytes(score, genome, tmp_path, out, table):
    content = generated(np.random.default_rng(7), genome[1], count=24)
    whole = score(content, out=f'whole{out}', table=table)
    for stop_at in (1, 2, 4):
        with pytest.raises(KeyboardInterrupt):
            score(content, out=out, table=table, stop_at=stop_at)
        with open(tmp_path / f'{out}.partial' / 'records', 'ab') as file:
            file.write(b'half a chunk that no journal knows of')
        assert score(content, out=out, table=table) == whole
        assert score.summary.resumed == 5 * (stop_at - 1)
        assert sum(score.summary.states.values()) > 24
        assert not (tmp_path / f'{out}.partial').exists()
        (tmp_path / out).unlink()


def flip_partial_output(score, genome, tmp_path, flips):
    """Continues an interrupted run as often, each time with one bit of its files flipped."""
    content = generated(np.random.default_rng(7), genome[1], count=24)
    whole = score(content, out='whole.vcf')
    with pytest.raises(KeyboardInterrupt):
        score(content, stop_at=3)
    partial = tmp_path / 'out.vcf.partial'
    kept = shutil.copytree(partial, tmp_path / 'kept')
    files, rng, caught = sorted(path.name for path in kept.iterdir()), np.random.default_rng(0), 0
    for n in range(flips):
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(kept, partial)
        path = partial / files[n % len(files)]
        data = bytearray(path.read_bytes())
        bit = int(rng.integers(8 * len(data)))
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            assert score(content) == whole, (path.name, bit)
        except (errors.DamageError, errors.UsageError):
            caught += 1
    return len(files), caught


def test_no_flipped_bit_of_a_partial_output_is_silent(score, genome, tmp_path):
    files, caught = flip_partial_output(score, genome, tmp_path, 16)
    assert files == 4 and caught >= 10


@pytest.mark.slow
def test_no_flipped_bit_of_hundreds_in_a_partial_output_is_silent(score, genome, tmp_path):
    assert flip_partial_output(score, genome, tmp_path, 500)[1] > 300


def test_a_partial_output_of_another_command_or_input_is_refused(score, genome):
    content = generated(np.random.default_rng(7), genome[1])
    with pytest.raises(KeyboardInterrupt):
        score(content, stop_at=2)
    with pytest.raises(errors.UsageError, match='check_ref'):
        score(content, check_ref='x')
    with pytest.raises(errors.UsageError, match='is not the file'):
        score(content.replace('\t.\tPASS', '\t9\tPASS', 1))
    assert score(content)


def test_compressed_output_is_bgzip(score, genome, tmp_path):
    content = generated(np.random.default_rng(3), genome[1])
    packed = score(content, out='a.vcf.gz')
    assert gzip.decompress(packed) == score(content)
    file = input_file.InputFile(tmp_path / 'a.vcf.gz')
    assert b''.join(file.blocks()) and file.compression == 'bgzip'


def test_header_names_source_and_version_and_used_keys_are_refused(score, genome):
    content = generated(np.random.default_rng(3), genome[1])
    result = score(content).decode('latin-1')
    added = [line for line in result.splitlines() if line not in content.splitlines()]
    for key, number, kind in (('GENOJAX', '.', 'String'), ('GENOJAX_LLR', 'A', 'Float')):
        (line,) = [row for row in added if row.startswith(f'##INFO=<ID={key},')]
        assert f'Number={number},Type={kind},' in line
        assert re.search(r'Source="genojax",Version="[\d.]+">', line)
    with pytest.raises(errors.UsageError, match='--tag=GENOJAX2'):
        score(result)
    twice = score(result, tag='B').decode('latin-1')
    assert 'GENOJAX=' in twice and ';B=' in twice


def test_a_command_that_is_refused_before_it_writes_leaves_nothing(score, tmp_path):
    with pytest.raises(errors.InputError, match='VC01'):
        score('nothing')
    assert [path.name for path in tmp_path.iterdir()] == ['in.vcf']


def test_a_second_command_for_the_same_output_is_refused_at_once(score, genome, tmp_path):
    content = generated(np.random.default_rng(7), genome[1])
    whole = score(content, out='whole.vcf')
    folder = tmp_path / 'out.vcf.partial'
    folder.mkdir()
    with locks.take(folder / 'run.lock', str):
        words = f'out.vcf is in use: process {os.getpid()} on .* is scoring. Fix: .*--out='
        with pytest.raises(errors.UsageError, match=words):
            score(content)
        assert (folder / 'run.lock').exists()
    assert score(content) == whole and not folder.exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(score, genome, tmp_path):
    content = generated(np.random.default_rng(7), genome[1])
    for limit in (100, 1500):
        with pytest.raises(errors.UsageError, match='cannot be written: File too large. Fix'):
            score(content, limit=limit)
        assert sorted(os.listdir(tmp_path)) == ['in.vcf']


def test_a_table_has_one_row_per_alternate(score, genome):
    content = generated(np.random.default_rng(3), genome[1])
    comment, header, *rows = score(content, out='a.tsv', table=True).decode().splitlines()
    assert comment.startswith('# {') and header.split('\t')[:6] == [
        *('contig', 'position', 'id', 'ref', 'alt', 'state')
    ]
    assert len(rows) == sum(score.summary.states.values())
    assert {len(row.split('\t')) for row in rows} == {len(header.split('\t'))}


def test_quantiles_among_common_variants(score, genome, tmp_path):
    common = generated(np.random.default_rng(8), genome[1], count=40)
    (tmp_path / 'common.vcf').write_text(common)
    options = {'common': str(tmp_path / 'common.vcf'), 'calibration': str(tmp_path / 'c.npz')}
    result = score(common, **options)
    values = {
        name: [
            float(value)
            for line in body(result)
            for part in line.split(b';')
            if part.startswith(f'GENOJAX_{name}='.encode())
            for value in part.split(b'\t')[0].split(b'=')[1].split(b',')
            if value.strip() != b'.'
        ]
        for name in ('LLR', 'LLR_Q')
    }
    count = len(values['LLR'])
    ranks = [
        (sum(o < v for o in values['LLR']) + sum(o == v for o in values['LLR']) / 2) / count
        for v in values['LLR']
    ]
    expected = np.clip(ranks, 0.5 / count, 1 - 0.5 / count)
    np.testing.assert_allclose(values['LLR_Q'], expected, atol=1e-6)
    assert score(common, **options) == result  # from the stored calibration
    (tmp_path / 'common.vcf').write_text(HEADER + 'chrX\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n')
    with pytest.raises(errors.UsageError, match='another command'):
        score(common, out='b.vcf', **options)
    with pytest.raises(
        errors.InputError, match='VC06: .*common.vcf: none of its 1 records is on a'
    ):
        score(common, out='c.vcf', common=options['common'])
    (tmp_path / 'common.vcf').write_text(HEADER + 'chr1\t9000\t.\tA\tC\t.\t.\t.\n')
    with pytest.raises(errors.InputError, match='VC06: .*none of its variants can be .* 1 records'):
        score(common, out='c.vcf', common=options['common'])
    (tmp_path / 'common.vcf').write_text(common + '1\t5\t.\tA\tC\t.\t.\t.\n')
    for _ in range(2):  # computed, and stored
        score(common, out='d.vcf', common=options['common'], calibration=str(tmp_path / 'd.npz'))
        assert "common.vcf: 1 records on '1': no such contig" in score.summary.text('x')


def test_what_is_written_is_durable_before_the_journal_says_so(score, genome, monkeypatch):
    events = []
    write, save = partial_output.PartialFile.write, partial_output.Journal.save
    monkeypatch.setattr(
        partial_output.PartialFile, 'write', lambda *a: (write(*a), events.append('write'))[0]
    )
    monkeypatch.setattr(
        partial_output.Journal, 'save', lambda *a, **k: (save(*a, **k), events.append('save'))[0]
    )
    score(generated(np.random.default_rng(3), genome[1]))
    assert events == ['save', 'write'] + ['write', 'save'] * 3


def renamed(content, name):
    """The records of a file on contigs of other names."""
    head, records = content.split('s1\n')
    lines = [line for line in records.splitlines(keepends=True) if line.startswith('chr1\t')]
    return head + 's1\n' + ''.join(name + line.removeprefix('chr1') for line in lines)


@pytest.mark.parametrize('count', [1, 12])
@pytest.mark.parametrize('out', ['out.vcf', 'out.tsv.gz'])
def test_a_file_without_a_contig_of_the_genome_is_refused(score, genome, tmp_path, count, out):
    content = renamed(generated(np.random.default_rng(7), genome[1], count=24), '1')
    content = ''.join(content.splitlines(keepends=True)[: HEADER.count('\n') + count])
    with pytest.raises(errors.InputError) as caught:
        score(content, out=out)
    text = str(caught.value)
    assert caught.value.code == 'VC10' and caught.value.exit_code == 3
    words = f'in.vcf: none of its {count} records is on a contig of the FASTA file: they are on 1, '
    assert f'{words}the FASTA file has chr1, 2; names that look alike: 1 = chr1.' in text
    assert "Fix: printf '%s\\n' '1 chr1' > " in text and 'bcftools annotate -h ' in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ['in.vcf']
    with pytest.raises(
        errors.InputError, match='has chr1, 2. Fix: use the FASTA file of the assem'
    ):
        score(renamed(content.replace('\n1\t', '\nchr1\t'), 'NC_9'), out=out)
    assert score(renamed(content.replace('\n1\t', '\nchr1\t'), 'chr1'), out=out)


def test_variants_on_a_contig_that_the_genome_does_not_have_have_a_state(model_of, genome):
    known = SumScorer(model_of('nucleotide'), window=16)
    scores = known.score([Variant('1', 50, 'A', 'C')], {'chr1': dna.encode(genome[1]['chr1'])})
    assert scores.states == ['no_contig'] and np.isnan(scores.values['LLR']).all()


def test_contigs_are_counted_over_an_interruption(score, genome):
    content = generated(np.random.default_rng(7), genome[1], count=24)
    first = ''.join(content.splitlines(keepends=True)[: HEADER.count('\n') + 6])
    rest = renamed(content, '1').split('s1\n')[1]
    with pytest.raises(KeyboardInterrupt):
        score(first + rest, stop_at=2)
    assert score(first + rest)  # only what was scored before is on a contig of the genome
    assert score.summary.resumed == 5 and "'1': no such contig" in score.summary.text('x')


def test_records_beyond_the_end_of_their_contig_are_counted(score, genome):
    text = genome[1]['chr1']
    rows = [('chr1', 599, text[598]), ('chr1', 600, 'ACGT'), ('2', 70_000, 'A'), ('chr1', 0, 'A')]
    lines = [f'{c}\t{p}\t.\t{r}\t<DEL>\t.\t.\t.\tGT\t0/1\n' for c, p, r in rows]
    score(HEADER + ''.join(lines))
    words = (
        '2 records lie beyond the end of their contig (first: line 9, chr1:600 of 600 bases): is'
    )
    assert f'{words} it another assembly?' in score.summary.text('x')
    score(HEADER + lines[0])
    assert 'beyond' not in score.summary.text('x')


def test_a_table_is_named_by_its_end(score, genome, tmp_path):
    content = generated(np.random.default_rng(7), genome[1])
    table = score(content, out='a.txt', table=True)
    assert table.startswith(b'# {') and score(content, out='b.tsv') == table
    assert gzip.decompress(score(content, out='c.TSV.gz')) == table
    assert score(content, out='d.txt').startswith(b'##fileformat')
    for name, request, words in (
        ('e.vcf.gz', {'table': True}, '--tsv writes a table, and .* Fix: --out=.*/e.tsv.gz, or'),
        ('e.csv', {}, 'tables of scores have TABs. Fix: --out=.*/e.tsv$'),
    ):
        with pytest.raises(errors.UsageError, match=words):
            score(content, out=name, **request)
        assert not list(tmp_path.glob('e*'))


READING = re.search(r'^pandas\.read_csv\(.*?\)$', commands.docs()['file_formats'], re.M | re.S)[0]


def test_a_table_is_read_as_the_page_says_whatever_its_cells_hold(score, genome, genes, tmp_path):
    """A name or an allele may hold a #, which is no comment; absent is one marker everywhere."""
    assert "sep='\\t', skiprows=1, quoting=3, na_values='.', keep_default_na=False" in READING
    text = genome[1]['chr1']
    other = {'A': 'C', 'C': 'G', 'G': 'T', 'T': 'A'}
    rows = [
        ('chr1', 39, 'rs#1', text[38], other[text[38]]),
        ('chr1', 500, 'NA', text[499], f'{other[text[499]]},<DEL#2>,.'),
        ('HG002#1#chr1', 5, '"', 'A', 'C'),
        ('chr1', 'x', '', '', 'C'),
    ]
    lines = ['\t'.join(map(str, (*row, '.', '.', '.', 'GT', '0/1\n'))) for row in rows]
    pathlib.Path(genes).write_text(pathlib.Path(genes).read_text().replace('A,B', '\u03b1#1'))
    out = score(HEADER + ''.join(lines), annotation=genes, out='out.tsv').decode('utf-8')
    first, header, *body = out.split('\n')[:-1]
    assert json.loads(first.removeprefix('# '))['window'] == 16
    names, cells = header.split('\t'), [row.split('\t') for row in body]
    assert [len(row) for row in cells] == [len(names)] * 6
    assert all(cell for row in cells for cell in row)  # no second marker beside '.'
    table = {name: [row[at] for row in cells] for at, name in enumerate(names)}
    assert table['id'] == ['rs#1', *['NA'] * 3, '"', '.']
    assert table['alt'][2] == '<DEL#2>' and table['contig'][4] == 'HG002#1#chr1'
    assert table['gene'] == [*['\u03b1#1'] * 2, *['.'] * 4] and table['ref'][5] == '.'
    assert table['kind'] == ['SNV', 'SNV', *['.'] * 4] == [*table['kind'][:2], *table['pll'][2:]]
    start, end = map(int, table['window'][0].split('-'))  # 1-based, both ends included
    assert start <= 39 <= end and end - start + 1 == 16
    section = commands.docs()['file_formats'].partition('## Tables of scores\n')[2]
    documented = set(re.findall(r'`([a-z_0-9]+)`', section.partition('\n## ')[0]))
    scores = {name.lower() for columns in scorer.COLUMNS.values() for name in columns}
    assert {*names, *scores, 'llr_cal', 'pll_cal', 'llr_q'} <= documented
    pandas = pytest.importorskip('pandas')
    read = eval(READING, {'pandas': pandas, 'path': tmp_path / 'out.tsv'})
    assert list(read) == names and read['id'][:2].tolist() == ['rs#1', 'NA']
    assert read['llr'].notna().tolist() == [True, True, *[False] * 4]


BCFTOOLS = shutil.which('bcftools')


@pytest.mark.skipif(not BCFTOOLS, reason='bcftools is not installed (apt-get install bcftools)')
def test_bcftools_does_not_warn_of_contigs_that_the_input_did_not_declare(score, genome, tmp_path):
    bare = HEADER.replace('##contig=<ID=chr1,length=600>\n##contig=<ID=2,length=40>\n', '')
    other = {'A': 'C', 'C': 'G', 'G': 'T', 'T': 'A'}
    places = [(name, at, genome[1][name][at - 1]) for name, at in (('chr1', 51), ('2', 20))]
    records = [f'{c}\t{p}\t.\t{r}\t{other[r]}\t.\t.\t.\tGT\t0/1\n' for c, p, r in places]
    result = score(bare + ''.join(records)).decode()
    added = [line for line in result.splitlines() if line.startswith('##contig')]
    assert added == ['##contig=<ID=chr1,length=600>', '##contig=<ID=2,length=40>']
    check(bare + ''.join(records), result.encode())
    view = subprocess.run(['bcftools', 'view', '-H', 'out.vcf'], cwd=tmp_path, capture_output=True)
    assert (view.returncode, view.stderr) == (0, b'') and view.stdout.count(b'\n') == len(records)
    own = score(bare.replace('#CHROM', '##contig=<ID=chr1>\n#CHROM') + records[0]).decode()
    assert [line for line in own.splitlines() if line.startswith('##contig')] == [
        '##contig=<ID=chr1>'
    ]


@pytest.mark.skipif(not BCFTOOLS, reason='bcftools is not installed (apt-get install bcftools)')
def test_bcftools_reads_the_output(score, genome, tmp_path):
    """view, +split-vep, query, norm: and its count of REF mismatches is ours."""

    def bcftools(*arguments):
        return subprocess.run(
            ['bcftools', *arguments], check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout

    rng = np.random.default_rng(5)
    texts = genome[1]
    lines = []
    for _ in range(60):
        at = int(rng.integers(1, 290))
        reference = texts['chr1'][at - 1 : at - 1 + int(rng.integers(1, 3))]
        if rng.random() < 0.2:
            reference = reference[::-1].translate(str.maketrans('ACGT', 'CGTA'))
        alternates = sorted({b for b in ('A', 'CC', 'T', '*', '<DEL>') if b != reference})
        chosen = rng.choice(alternates, int(rng.integers(1, 4)), replace=False)
        lines.append(f'chr1\t{at}\t.\t{reference}\t{",".join(chosen)}\t.\tPASS\tDP=3\tGT\t0/1\n')
    lines.sort(key=lambda line: int(line.split('\t')[1]))
    score(HEADER + ''.join(lines), out='a.vcf.gz')
    assert bcftools('view', '-H', 'a.vcf.gz').count('\n') == 60
    view = bcftools('view', '-H', 'a.vcf.gz').replace('\tDP=3', '\tDP=3')
    assert view.encode() == gzip.decompress((tmp_path / 'a.vcf.gz').read_bytes()).split(b's1\n')[1]
    rows = bcftools('+split-vep', '-a', 'GENOJAX', '-d', '-f', '%POS %State %Window\\n', 'a.vcf.gz')
    assert rows.count('\n') == sum(score.summary.states.values())
    assert rows.count(' scored ') == score.summary.states['scored']
    assert bcftools('query', '-f', '%POS\\n', '-i', 'GENOJAX_LLR!=0', 'a.vcf.gz')
    split = bcftools('norm', '-m', '-any', 'a.vcf.gz')
    assert split.count('GENOJAX_LLR=') >= 1
    checked = subprocess.run(
        ['bcftools', 'norm', '-c', 'x', '-f', str(genome[0]), 'a.vcf.gz'],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    ours = score(HEADER + ''.join(lines), out='x.vcf', check_ref='x')
    kept = [line for line in checked.stdout.splitlines() if not line.startswith('#')]
    assert len(kept) == len([line for line in body(ours) if line])


@pytest.fixture
def genes(genome, tmp_path):
    """A GTF of one coding transcript on chr1: bases 29 to 58, in one exon of 60."""
    rows = [('exon', 1, 60), ('CDS', 29, 58)]
    attributes = 'gene_id "g"; transcript_id "t.1"; gene_name "A,B";'
    lines = [f'chr1\tx\t{kind}\t{a}\t{b}\t.\t+\t0\t{attributes}\n' for kind, a, b in rows]
    path = tmp_path / 'genes.gtf'
    path.write_text(''.join(lines))
    return str(path)


def test_with_an_annotation_every_allele_has_its_consequence(score, genome, genes):
    text = genome[1]['chr1']
    lines = []
    for position in (5, 39, 70):
        base = text[position - 1]
        alternates = [other for other in 'ACGT' if other != base]
        lines.append(f'chr1\t{position}\t.\t{base}\t{",".join(alternates)},*\t.\t.\tDP=1\tGT\t0/1')
    out = score(HEADER + '\n'.join(lines) + '\n', annotation=genes).decode()
    assert 'Consequence: what it does to the transcript' in out
    fields = re.search(r'Format: ([^"]*)', out)[1].split('|')
    assert fields[:4] == ['Allele', 'State', 'Consequence', 'Window']
    rows = [line.split('\t') for line in out.splitlines() if not line.startswith('#')]
    infos = [dict(part.split('=') for part in row[7].split(';')) for row in rows]
    entries = [
        [dict(zip(fields, part.split('|'), strict=True)) for part in info['GENOJAX'].split(',')]
        for info in infos
    ]
    terms = [{entry['Consequence'] for entry in record[:3]} for record in entries]
    assert terms[0] == {'5_prime_UTR_variant'} and terms[2] == {'downstream_gene_variant'}
    assert terms[1] & {'missense_variant', 'synonymous_variant', 'stop_gained'}
    for entry in entries[1][:3]:
        assert (entry['Gene'], entry['Feature'], entry['Kind']) == ('A%2CB', 't.1', 'SNV')
        before, after = entry['Codons'].split('/')
        assert before == text[37:40] and after[1] == entry['Allele'] and entry['Amino_acids']
        assert entry['Protein_position'] == '4'
    star = entries[0][3]
    assert star['State'] == 'overlapping_deletion' and not star['Consequence']
    table = score(HEADER + lines[1] + '\n', annotation=genes, table=True, out='out.tsv').decode()
    header, first = (line.split('\t') for line in table.splitlines()[1:3])
    assert dict(zip(header, first, strict=True))['transcript'] == 't.1'


def test_an_annotation_of_another_assembly_is_refused_before_anything_is_scored(score, genes):
    with pytest.raises(errors.InputError, match="GX-GF07: .*no transcript 'other'"):
        score(HEADER, annotation=genes, transcripts=('other',))


def test_the_page_explains_every_state_in_order():
    table = re.findall(r'^\| `([a-z_]+)` \|', commands.docs()['variants'], re.MULTILINE)
    assert table == list(AlleleState) and len(table) == 12
