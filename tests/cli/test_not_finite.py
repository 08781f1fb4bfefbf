"""A model with a weight that is NaN, or whose numbers overflow, never gives a file and exit code 0."""

import copy

import jax
import numpy as np
import pytest

from genojax import errors
from genojax.cli import interpret, main
from genojax.inference import pretrained
from genojax.predict import loading
from tests.interpret import conftest

FASTA = '>c\nACGTTGCATGACATTAGACC\n>d\nTTTTGACATACCAG\n'
VCF = (
    '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc\t9\t.\tT\tC\t.\t.\t.\n'
)
OUTPUT = ' --output=y --backgrounds=1 --steps=2'
COMMANDS = {
    'embed': 'embed MODEL --fasta=a.fa --out=out.npz',
    'predict': 'predict MODEL --fasta=a.fa --out=out.tsv',
    'score': 'score MODEL --vcf=a.vcf --fasta=a.fa --out=out.vcf --window=20 --forward-only',
    'interpret mutagenesis': 'interpret mutagenesis MODEL --fasta=a.fa --out=out --output=y',
    'interpret mutagenesis --likelihood': 'interpret mutagenesis MODEL --fasta=a.fa --out=out '
    '--likelihood --mask=7',
    'interpret attribution': f'interpret attribution MODEL --fasta=a.fa --out=out{OUTPUT}',
    'interpret motifs': f'interpret motifs MODEL --fasta=a.fa --out=out{OUTPUT}',
    'interpret dependency': 'interpret dependency MODEL --fasta=a.fa --bed=a.bed --out=out --mask=4',
    'interpret attention': 'interpret attention MODEL --fasta=a.fa --out=out',
}


def test_every_verb_that_runs_a_model_is_listed():
    verbs = {f'interpret {verb}' for verb in interpret.VERBS} | {'embed', 'predict', 'score'}
    assert {command.rpartition(' --')[0] or command for command in COMMANDS} == verbs


@pytest.fixture(scope='module')
def broken():
    """A model with one NaN in its table of token vectors: that of the tokens of the test."""
    model = conftest.bert_of('kmer', 3)
    head = conftest.head_of(model)
    model = copy.copy(model)

    def spoil(path, x):
        return x.at[..., 0].set(np.nan) if 'words' in jax.tree_util.keystr(path) else x

    model.params = jax.tree_util.tree_map_with_path(spoil, model.params)
    model.__dict__['heads'] = {'toy': head}  # as its cached property would
    return model


# One of each way to compute; the others, of which tests of their packages refuse the same, are slow.
FAST = ('interpret mutagenesis', 'interpret mutagenesis --likelihood', 'interpret attribution')


@pytest.mark.parametrize(
    'verb',
    [pytest.param(v, marks=() if v in FAST else pytest.mark.slow, id=v) for v in COMMANDS],
)
def test_a_model_with_a_nan_is_one_line_and_no_file(broken, verb, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(loading, 'load', lambda path, **options: broken)
    monkeypatch.setattr(pretrained, 'describe', lambda path: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.fa').write_text(FASTA)
    (tmp_path / 'a.bed').write_text('c\t0\t12\n')
    (tmp_path / 'a.vcf').write_text(VCF)
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(SystemExit) as stop:
        main.main(COMMANDS[verb].split())
    assert stop.value.code == errors.DamageError.exit_code
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith('genojax: error ') and 'are NaN or infinite, the first of them' in line
    assert sorted(tmp_path.rglob('*')) == before


def test_python_refuses_what_the_verbs_refuse(broken):
    sequences = ['ACGTTGCATGACATTAGACC', 'TTTTGACATACCAG']
    calls = {
        'embed': broken.embed,
        'logits': broken.logits,
        'log_likelihood': lambda rows: broken.log_likelihood(rows, mask=7),
        'attention': broken.attention,
        'predict': broken.predict,
    }
    for name, call in calls.items():
        with pytest.raises(errors.DamageError, match='of 2 of 2 rows are NaN'):
            call(sequences)
            pytest.fail(name)
