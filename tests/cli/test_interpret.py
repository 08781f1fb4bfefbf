"""The verbs of `genojax interpret` from the command line, with a small random model."""

import copy
import dataclasses
import json
import re

import numpy as np
import pytest

from genojax import dna, errors, metrics
from genojax.cli import interpret, main
from genojax.cli.interpret import inputs
from genojax.interpret import attention, attribution
from genojax.interpret.motifs import ascent, meme
from genojax.predict import loading
from tests.interpret import conftest
from tests.interpret.test_splice_sites import gene_annotation


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A FASTA file, and a model wherever one is opened."""
    model = conftest.bert_of('kmer', 3)
    model.__dict__['heads'] = {'toy': conftest.head_of(model)}  # as its cached property would
    monkeypatch.setattr(loading, 'load', lambda path, **options: model)
    rng = np.random.default_rng(0)
    sequences = [''.join(rng.choice(list('ACGT'), 30)) for _ in range(3)]
    text = ''.join(f'>s{i} x\n{sequence}\n' for i, sequence in enumerate(sequences))
    (tmp_path / 'x.fa').write_text(text)
    (tmp_path / 'x.bed').write_text('s1\t5\t25\tinside\t0\t-\n')
    yield tmp_path
    model.__dict__.pop('heads')


def run(folder, verb, *flags):
    out = folder / verb
    main.main(
        ['interpret', verb, 'RUN', '--fasta', str(folder / 'x.fa'), '--out', str(out), *flags]
    )
    return out


def table(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith('# ')]
    return [line.split('\t') for line in lines]


def test_mutagenesis_and_attribution(files, capsys):
    out = run(files, 'mutagenesis', '--output=y', '--bed', str(files / 'x.bed'), '--figures=1')
    rows = table(out / 'mutagenesis.tsv')
    assert len(rows) == 1 + 3 * 20
    assert rows[1][:5] == ['inside', 's1', '24', '-', '0']
    with np.load(out / 'mutagenesis.npz') as arrays:
        assert arrays['effects'].shape == (20, 4)
        assert json.loads(str(arrays['metadata']))['unit'] == 'log-odds of y'
    assert '60 substitutions of 20 bases in 1 rows' in capsys.readouterr().err
    assert (out / 'figures' / '000.png').read_bytes()[:4] == b'\x89PNG'
    out = run(files, 'attribution', '--output=y', '--backgrounds=2', '--steps=4', '--figures=0')
    err = capsys.readouterr().err
    assert 'output: log-odds of y\n' in err
    assert 'attributions add up within' in err and ' % of the signal' in err
    values = np.array([float(row[-1]) for row in table(out / 'attribution.tsv')[1:]])
    with np.load(out / 'attribution.npz') as arrays:
        total = arrays['output'] - arrays['background'] + arrays['gap']
        np.testing.assert_allclose(values.reshape(3, 30).sum(1), total, atol=1e-4)
    assert len(table(out / 'attribution.bedgraph')) == 1 + 90
    assert 's0' in (out / 'index.html').read_text()


def test_dependency_attention_and_motifs(files, capsys):
    flags = '--mask=4', '--pairs=5', '--bed', str(files / 'x.bed'), '--figures=0'
    out = run(files, 'dependency', *flags)
    rows = table(out / 'dependency.bedpe')
    assert len(rows) == 6
    scores = [float(row[7]) for row in rows[1:]]
    assert scores == sorted(scores, reverse=True)
    out = run(files, 'attention', '--layers=1', '--figures=0')
    with np.load(out / '002.npz') as arrays:
        assert arrays['attention'].shape == (1, 2, 30, 30)  # 28 3-mers, [CLS], [SEP]
        np.testing.assert_allclose(arrays['rollout'].sum(-1), 1, atol=1e-5)
    capsys.readouterr()
    run(files, 'motifs', '--output=y', '--backgrounds=1', '--steps=2', '--control=OTHER')
    err = capsys.readouterr().err
    assert 'motifs' in err
    assert 'control OTHER, at its last checkpoint:' in err
    assert 'the control says little: on what it was trained is not recorded' in err
    record = json.loads((files / 'motifs' / 'motifs.json').read_text())
    assert record['unit'] == 'log-odds of y'
    assert record['compared']['control']['spread'] == record['compared']['run']['spread'] > 0
    assert record['control_doubts'] == ['on what it was trained is not recorded']
    assert record['control_next_step'] in err and 'shuffled labels' in record['control_next_step']
    assert 'Next: train the same network' in (files / 'motifs' / 'index.html').read_text()
    start = err.index('control OTHER: on what it was trained is not recorded')
    assert start < err.index('attributions add up')


def refused(codes_L, path=None, line=None, record=None):
    raise errors.InputError('LB05', 'too long', path=path, line=line, record=record, fix='cut it')


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'read_row': refused}, "GX-LB05: .*x.fa:1: record 's0': too long"),
        ({'names': ('x', 'q', 'z')}, "task 'toy' has no output 'y'"),
        ({'name': 'other'}, "no task 'toy'"),
    ],
)
def test_a_control_of_another_table_is_refused_before_attributions(
    files, monkeypatch, changes, words
):
    """Attributions of the run take long; none is computed."""
    model = loading.load('RUN')
    head = dataclasses.replace(model.heads['toy'], **changes)
    other = copy.copy(model)
    other.__dict__['heads'] = {head.name: head}
    by_path = {'RUN': model, 'OTHER': other}
    monkeypatch.setattr(loading, 'load', lambda path, **options: by_path[str(path)])
    monkeypatch.setattr(attribution, 'integrated_gradients', None)
    options = ['--output=y', '--task=toy', '--control=OTHER', f'--out={files / "m"}']
    with pytest.raises(errors.UsageError, match=words) as caught:
        interpret.run(['motifs', 'RUN', f'--fasta={files / "x.fa"}', *options])
    text = str(caught.value)
    assert text.startswith('--control=OTHER is not the network of RUN on shuffled labels: ')
    assert text.count('Fix: ') == 1 and 'Fix: leave --control out' in text
    assert not (files / 'm').exists()


def test_a_control_with_other_classes_is_refused(files, monkeypatch):
    """Without --output the second class is explained: that of another table has another name."""
    model = loading.load('RUN')
    two = {'names': ('x', 'y'), 'compute': lambda *batch: model.heads['toy'].compute(*batch)[:, :2]}
    heads = [dataclasses.replace(model.heads['toy'], **{**two, 'names': ('x', y)}) for y in 'yq']
    models = []
    for head in heads:
        models.append(copy.copy(model))
        models[-1].__dict__['heads'] = {'toy': head}
    by_path = dict(zip(('RUN', 'OTHER'), models, strict=True))
    monkeypatch.setattr(loading, 'load', lambda path, **options: by_path[str(path)])
    argv = ['motifs', 'RUN', f'--fasta={files / "x.fa"}', '--control=OTHER', f'--out={files / "m"}']
    with pytest.raises(
        errors.UsageError, match='it has the log-odds of q, the run the log-odds of y'
    ):
        interpret.run(argv)


def test_rows_of_a_table_are_read_as_those_of_a_fasta_file(files, capsys):
    """Of a table that trains a classifier; a row is named by its line."""
    sequences = (files / 'x.fa').read_text().split('\n')[1::2]
    lines = ['dna\tlabel', *(f'{sequence}\ty' for sequence in sequences)]
    (files / 'x.tsv').write_text('\n'.join(lines) + '\n')
    options = ['--output=y', '--backgrounds=1', '--steps=2', '--figures=0']
    expected = table(run(files, 'attribution', *options) / 'attribution.tsv')
    capsys.readouterr()
    argv = ['interpret', 'attribution', 'RUN', f'--table={files / "x.tsv"}', *options]
    main.main([*argv, '--sequence-column=DNA', f'--out={files / "rows"}'])
    assert 'columns of the table, not read: label' in capsys.readouterr().err
    rows = table(files / 'rows' / 'attribution.tsv')
    assert [row[2:] for row in rows] == [row[2:] for row in expected]
    assert rows[1][:2] == ['line_2', 'line_2'] and rows[-1][:2] == ['line_4', 'line_4']
    for more in (['--fasta=x.fa'], [f'--bed={files / "x.bed"}']):
        with pytest.raises(SystemExit):
            main.main([*argv, *more, f'--out={files / "no"}'])
        assert 'Fix: ' in capsys.readouterr().err


def test_motifs_of_inputs_that_an_ascent_reached(files, capsys, monkeypatch):
    """The ascent is given here: every input has TGACTCA at base 10, and bits there."""
    seen = []

    def ascend(model, head, sequences, config, advance):
        seen.append((head.names[0], config.steps, config.window, config.entropy, config.variation))
        results = []
        for codes_L in sequences:
            codes_L = codes_L.copy()
            codes_L[10:17] = dna.encode('TGACTCA')
            bits_L = np.where((np.arange(30) >= 10) & (np.arange(30) < 17), 2.0, 0.01)
            results.append(ascent.Ascended(dna.one_hot(codes_L), bits_L, codes_L, 0.0, 1.0))
        return results

    monkeypatch.setattr(ascent, 'ascend', ascend)
    flags = '--ascent-steps=9', '--ascent-window=99', '--entropy=0.5', '--variation=0.25'
    more = '--method=ascent', '--min-seqlets=3', '--core=7'
    out = run(files, 'motifs', '--output=y', *flags, *more)
    assert seen == [('log-odds of y', 9, 99, 0.5, 0.25)]
    assert 'which hold 14.2 bits each (medians)' in capsys.readouterr().err
    assert 'TGACTCA' in (out / 'motifs.meme').read_text()
    page = (out / 'index.html').read_text()
    words = r'Output: log-odds of y\. Seqlets above [\d.]+ in bits, the sum over 7 bases: 3'
    assert re.search(words, page)
    assert 'Not compared with known motifs (--match=FILE)' in page and 'alike' not in page
    with np.load(out / 'ascent.npz') as arrays:
        assert arrays['probabilities'].shape == (90, 4)
        assert arrays['after'].tolist() == [1, 1, 1]


def test_a_constant_part_of_the_rows_is_named_in_text_files_and_page(files, capsys, monkeypatch):
    """Twelve rows share bases 10 to 17, where the ascent puts all bits."""

    def ascend(model, head, sequences, config, advance):
        bits_L = np.where((np.arange(30) >= 10) & (np.arange(30) < 17), 2.0, 0.01)
        return [ascent.Ascended(dna.one_hot(x), bits_L, x, 0.0, 1.0) for x in sequences]

    monkeypatch.setattr(ascent, 'ascend', ascend)
    rng = np.random.default_rng(0)
    rows = [''.join(rng.choice(list('ACGT'), 30)) for _ in range(12)]
    rows = [f'{row[:10]}TGACTCA{row[17:]}' for row in rows]
    (files / 'x.fa').write_text(''.join(f'>s{i}\n{row}\n' for i, row in enumerate(rows)))
    flags = '--method=ascent', '--min-seqlets=3', '--core=7', '--control=OTHER'
    out = run(files, 'motifs', '--output=y', *flags)
    err = capsys.readouterr().err
    (name,) = json.loads((out / 'motifs.json').read_text())['constant_parts']
    assert 'TGACTCA' in name or 'TGAGTCA' in name
    words = f'{name} is a constant part of the rows: 12 of 12 sites'
    assert words in err and 'bases 10 to 17' in err and 'data.trim' in err
    page = (out / 'index.html').read_text()
    assert words in page and '<th>constant part of the rows</th>' in page.replace(
        ' scope="col"', ''
    )
    assert f'MOTIF {name} constant_part_of_rows\n' in (out / 'motifs.meme').read_text()
    assert [motif.name for motif in meme.read(out / 'motifs.meme')] == [name]
    assert re.search(r'of these, constant parts of the rows +1 +1\n', err)


def test_known_motifs_that_are_no_match_are_shown_with_their_p_value(files, capsys, monkeypatch):
    def ascend(model, head, sequences, config, advance):
        hot_L4 = dna.one_hot(dna.encode('C' * 10 + 'TATAAA' + 'C' * 14))
        bits_L = np.where((np.arange(30) >= 10) & (np.arange(30) < 16), 2.0, 0.0)
        codes_L = dna.encode('C' * 10 + 'TATAAA' + 'C' * 14)
        return [ascent.Ascended(hot_L4, bits_L, codes_L, 0.0, 1.0) for _ in sequences]

    monkeypatch.setattr(ascent, 'ascend', ascend)
    rng = np.random.default_rng(0)
    known = [meme.MotifMatrix('TBP', dna.one_hot(dna.encode('TATATA')) * 0.6 + 0.1, 9)]
    known += [meme.MotifMatrix(f'k{i}', rng.dirichlet([1] * 4, 6), 9) for i in range(8)]
    meme.write(files / 'known.meme', known)
    flags = ['--method=ascent', '--min-seqlets=3', '--core=6', f'--match={files / "known.meme"}']
    out = run(files, 'motifs', '--output=y', *flags, '--q-value=1e-9')
    assert '0 of 1 motifs match one of 9 known ones at q <= 1e-09' in capsys.readouterr().err
    _, row = table(out / 'matches.tsv')
    assert 'TATAAA' in row[0] and row[1:] == [''] * 6
    ((name, alike),) = json.loads((out / 'motifs.json').read_text())['most_alike'].items()
    assert 'TATAAA' in name and alike[0]['target'] == 'TBP' and len(alike) == 5
    assert name == row[0]
    best = alike[0]
    page = (out / 'index.html').read_text()
    assert 'Known motifs that are most alike' in page and '>no<' in page
    text = f'TBP, p {best["p_value"]:.2g}, q {best["q_value"]:.2g}, {best["overlap"]} columns'
    assert text in page
    out = run(files, 'motifs', '--output=y', *flags, '--q-value=1')
    rows = table(out / 'matches.tsv')[1:]
    assert len(rows) == 9 and all(row[0] == name and '' not in row for row in rows)


@pytest.mark.parametrize(
    'gaps, words',
    [
        ([0.1, 0.1, 2.0], '25 % of the signal, 1.25 % in the median row'),
        ([0.1, 0.1, 0.1], '1.25 % of the signal, 1.25 % in the median row'),
    ],
)
def test_the_error_of_the_sums_has_a_verdict(gaps, words):
    none_L = np.zeros(0)
    results = [attribution.Attribution(none_L, none_L, 9.0, 1.0, gap) for gap in gaps]
    text = inputs.sum_error(results, 'log-odds of y', 16)
    assert words in text and 'by 8 in log-odds of y' in text
    assert ('off by more than 10 %: use --steps=64' in text) == (max(gaps) > 0.8)
    same = attribution.Attribution(none_L, none_L, 1.0, 1.0, 0.0)
    assert 'do not differ' in inputs.sum_error([same], 'y', 16)


def test_attention_at_splice_sites_needs_introns_that_fit(files, capsys):
    """The model reads 64 tokens, and these introns have 100 bases."""
    contigs, _ = gene_annotation(files, 8)
    letters = ''.join('ACGT'[code] for code in contigs['c'])
    (files / 'x.fa').write_text(f'>c\n{letters}\n>chrM\n{letters}\n')
    with open(files / 'genes.gff3', 'a') as file:
        file.write('MT\tx\tgene\t1\t9\t.\t+\t.\tID=m\n')
    with pytest.raises(SystemExit) as stopped:
        run(files, 'attention', '--annotation', str(files / 'genes.gff3'))
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert 'left out: 8 introns longer than a window' in error
    assert '0 genes have an intron' in error
    assert 'left out: 1 genes on contigs that the FASTA file does not have' in error
    assert 'note: genes.gff3: names that look alike: chrM = MT' in error


def test_heads_are_removed_on_the_test_rows_of_other_genes(files, capsys, monkeypatch):
    """The statistic is given here: this model reads no whole intron of these genes."""
    contigs, _ = gene_annotation(files, 8)
    letters = ''.join('ACGT'[code] for code in contigs['c'])
    (files / 'x.fa').write_text(f'>c\n{letters}\n')
    some = (0.5, 0.4, 0.6)
    every = np.linspace(0.1, 0.9, 8).reshape(2, 2, 2)
    estimates = dict.fromkeys(
        ('chosen_test', 'rollout_test', 'length_test', 'same_donor_test', 'same_acceptor_test'),
        metrics.Estimate(*some),
    )
    result = attention.SpliceAttention(
        2, 2, every, every, (1, 1, 1), introns=(4, 4), decoys=(9, 9), training_genes=('g0',),
        test_genes=4, **estimates,
    )  # fmt: skip
    monkeypatch.setattr(attention, 'splice_attention', lambda *arguments, **options: result)
    lines = ['sequence\tlabel\tsplit\tgene']
    for row in range(20):
        split = 'train' if row < 4 else 'test'
        lines.append(f'{letters[row : row + 30]}\t{"xyz"[row % 3]}\t{split}\tg{row % 5}')
    (files / 'rows.tsv').write_text('\n'.join(lines) + '\n')
    options = ['--annotation', str(files / 'genes.gff3'), f'--knockout={files / "rows.tsv"}']
    out = run(files, 'attention', *options, '--output=y', '--draws=3')
    err = capsys.readouterr().err
    assert 'left out: 4 rows that are not of split test' in err
    assert 'left out: 3 rows of genes on which the heads were chosen' in err
    assert 'heads 1.1 removed: average precision' in err
    rows = table(out / 'knockout.tsv')
    assert rows[1][:2] == ['chosen', '1.1']
    assert sorted(row[1] for row in rows[2:]) == ['0.0', '0.1', '1.0']
    record = json.loads((out / 'splice.json').read_text())['knockout']
    assert record['rows'] == 13 and record['draws'] == 3
    assert 'against 3 random sets' in (out / 'index.html').read_text()


def test_errors_are_one_line_with_a_fix(files):
    cases = [
        (['nothing'], "no verb 'nothing'"),
        (['mutagenesis', 'RUN', '--fasta=x', '--out=y', '--mask=2'], '--mask=N goes with'),
        (
            ['attention', 'RUN', '--fasta=x', '--out=y', '--limit=9'],
            '--limit=N goes with --annotation',
        ),
        (
            ['attention', 'RUN', '--fasta=x', '--out=y', '--knockout=t.tsv'],
            '--knockout=TABLE goes with --annotation',
        ),
        (['motifs', 'RUN', '--fasta=x', '--out=y', '--entropy=-1'], 'must not be negative'),
    ]
    for argv, words in cases:
        with pytest.raises(errors.UsageError, match=words):
            interpret.run(argv)
    with pytest.raises(SystemExit) as stopped:
        run(files, 'attribution')
    assert stopped.value.code == 2


@pytest.mark.parametrize('verb', list(interpret.VERBS))
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        interpret.run([verb, '--help'])
    assert stopped.value.code == 0
    assert '--fasta' in capsys.readouterr().out
