"""The verbs of `genojax interpret` from the command line, with a small random model."""

import json

import numpy as np
import pytest

from genojax import errors
from genojax.cli import interpret, main
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
    assert 'attributions add up within' in capsys.readouterr().err
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
    assert 'control: ' in err


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


def test_errors_are_one_line_with_a_fix(files):
    cases = [
        (['nothing'], "no verb 'nothing'"),
        (['mutagenesis', 'RUN', '--fasta=x', '--out=y', '--mask=2'], '--mask=N goes with'),
        (
            ['attention', 'RUN', '--fasta=x', '--out=y', '--limit=9'],
            '--limit=N goes with --annotation',
        ),
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
