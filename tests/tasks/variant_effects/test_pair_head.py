"""A trained head scores the variants of a VCF as evaluation does, or says why it cannot.

Its columns of annotation come by `variants.head_columns`.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors, tokenizers
from genojax.inference import pretrained
from genojax.inference.model import Model
from genojax.variants import head_columns, score_file, scorer
from tests.tasks import variables
from tests.tasks.variant_effects import conftest


def model_of(task, params, extra, description) -> Model:
    source = pretrained.PretrainedModel(
        conftest.MODEL, tokenizers.TokenizerConfig('kmer', 3), params['model'], extra, {'kind': 'x'}
    )
    return Model(
        source,
        devices=jax.devices()[:1],
        read_heads=lambda: {'variants': task.pair_head(params['heads']['variants'], description)},
    )


def evaluated(task, datasets, params, extra, rows) -> np.ndarray:
    """Probabilities of rows as evaluation has them, the mean over strands."""
    logits = jax.jit(lambda params, batch: task.logits(params, extra, batch)[0])
    expected = []
    for reverse in (False, True):
        batches = datasets.in_order(rows, reverse=reverse)
        logit_N = np.concatenate([logits(params, batch) for batch in batches])
        expected.append(1 / (1 + np.exp(-logit_N[: len(rows)])))
    return np.mean(expected, 0)


def test_the_score_of_a_variant_is_the_probability_that_evaluation_gives_it(task_of, files):
    task = task_of(annotated=False)
    datasets = task.open(files, 0)
    batch = jax.tree.map(jnp.asarray, next(datasets.train()))
    params, extra = variables.init(task, batch)
    rows = np.arange(40, 72)  # two batches
    known = scorer.VariantScorer(model_of(task, params, extra, datasets.description))
    assert known.kinds == ('effect',) and known.window == 32
    variants = [datasets.known.table.variants[row] for row in rows.tolist()]
    contigs = conftest.genes.annotator_of(files, mirrored=False).contigs
    scores = known.score(variants, contigs)
    assert set(scores.states) == {scorer.AlleleState.SCORED}
    expected = evaluated(task, datasets, params, extra, rows)
    np.testing.assert_allclose(scores.values['EFFECT'], expected, atol=1e-6)
    assert np.std(scores.values['EFFECT']) > 1e-4


@pytest.fixture(scope='module')
def annotated(opened):
    """Datasets, the model of a task whose head reads annotation, and what evaluation says."""
    task, datasets = opened
    params, extra = variables.init(task, jax.tree.map(jnp.asarray, next(datasets.train())))
    rows = np.arange(42, 72)
    expected = evaluated(task, datasets, params, extra, rows)
    return datasets, model_of(task, params, extra, datasets.description), rows, expected


def write_vcf(path, datasets, rows, values, header='##INFO=<ID=phylop,Number=A,Type=Float>\n'):
    """Records with the three ALTs of each position."""
    lines = ['##fileformat=VCFv4.3\n', header]
    lines.append('#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n')
    variants = datasets.known.table.variants
    for first in rows.tolist()[::3]:
        variant, at = variants[first], rows.tolist().index(first)
        alternates = ','.join(variants[row].alternate for row in range(first, first + 3))
        info = ','.join(values[at : at + 3])
        cells = ['c', variant.position + 1, '.', variant.reference, alternates, '.', '.']
        lines.append('\t'.join(map(str, [*cells, f'AC=1,1,1;phylop={info}'])) + '\n')
    path.write_text(''.join(lines))
    return path


def score(model, files, path, out, **request):
    request = {'annotation': str(files / 'gene.gtf'), 'table': True, **request}
    return score_file.score_vcf(model, path, files / 'genome.fa', out, **request)


def effects_of(out) -> np.ndarray:
    lines = [line.split('\t') for line in out.read_text().splitlines() if line[0] != '#']
    column = [name.lower() for name in lines[0]].index('effect')
    return np.array([float(line[column]) for line in lines[1:]])


def test_a_head_reads_consequences_and_numbers_of_a_vcf(annotated, files, tmp_path):
    datasets, model, rows, expected = annotated
    texts = [datasets.known.table.cells['phylop'][row] for row in rows.tolist()]
    path = write_vcf(tmp_path / 'a.vcf', datasets, rows, texts)
    summary = score(model, files, path, tmp_path / 'a.tsv')
    assert summary.states == {'scored': len(rows)} and not any('absent' in n for n in summary.notes)
    np.testing.assert_allclose(effects_of(tmp_path / 'a.tsv'), expected, atol=2e-6)
    # An absent number is the mean of training, for its allele alone, and is counted.
    path = write_vcf(tmp_path / 'b.vcf', datasets, rows, ['.', *texts[1:]])
    summary = score(model, files, path, tmp_path / 'b.tsv')
    assert [n for n in summary.notes if 'INFO phylop: absent for 1 of 30 alleles' in n]
    got = effects_of(tmp_path / 'b.tsv')
    np.testing.assert_allclose(got[1:], expected[1:], atol=2e-6)
    assert abs(got[0] - expected[0]) > 1e-5


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'annotation': ''}, 'reads consequences, phylop beside.*--annotation=FILE'),
        (
            {'transcripts': ('other',)},
            'all transcripts by genetic code 1, not.*--transcripts= --ge',
        ),
        ({'genetic_code': 11}, 'Fix: --transcripts= --genetic-code=1'),
        ({'header': ''}, 'declares no INFO phylop. Fix: bcftools annotate'),
        ({'neutral': 4}, 'Fix: leave out --neutral'),
        ({'values': ['high'] * 30}, "VC09.*phylop=high is no number. Fix: .*'.'"),
        ({'values': ['1,2'] * 30}, 'VC09.*INFO phylop has 6 values for 3 ALT'),
    ],
)
def test_what_a_head_needs_is_told(annotated, files, tmp_path, change, message):
    datasets, model, rows, _ = annotated
    own = {k: v for k, v in change.items() if k in ('header', 'values')}
    request = {k: v for k, v in change.items() if k not in own}
    path = write_vcf(tmp_path / 'a.vcf', datasets, rows, **{'values': ['1'] * 30, **own})
    with pytest.raises(errors.GenojaxError, match=message):
        score(model, files, path, tmp_path / 'a.tsv', **request)


def test_a_head_that_learnt_named_transcripts_wants_the_same(task_of, files, tmp_path):
    task = task_of(transcripts=('t',))
    datasets = task.open(files, 0)
    params, extra = variables.init(task, jax.tree.map(jnp.asarray, next(datasets.train())))
    model = model_of(task, params, extra, datasets.description)
    rows = np.arange(42, 45)
    texts = [datasets.known.table.cells['phylop'][row] for row in rows.tolist()]
    path = write_vcf(tmp_path / 'a.vcf', datasets, rows, texts)
    with pytest.raises(errors.UsageError, match='transcripts t by.*--transcripts=t --genetic-co'):
        score(model, files, path, tmp_path / 'a.tsv')
    score(model, files, path, tmp_path / 'a.tsv', transcripts=('t',))
    expected = evaluated(task, datasets, params, extra, rows)
    np.testing.assert_allclose(effects_of(tmp_path / 'a.tsv'), expected, atol=2e-6)


def test_a_reader_continues_from_its_counts(annotated):
    model = annotated[1]
    columns = scorer.VariantScorer(model).head_columns
    first = head_columns.ColumnReader(columns, None, 'a.vcf')
    first.alleles, first.absent['phylop'] = 5, 2
    second = head_columns.ColumnReader(columns, None, 'a.vcf')
    second.restore(json.loads(json.dumps(first.counts())))
    assert second.notes() == first.notes() and 'for 2 of 5 alleles' in first.notes()[0]


def test_a_head_on_annotation_takes_no_variants_without_it(annotated, files):
    datasets, model, _, _ = annotated
    known = scorer.VariantScorer(model)
    assert known.kinds == ('effect',)
    with pytest.raises(errors.UsageError, match='Fix: genojax.score_vcf'):
        known.score(datasets.known.table.variants[:2], files / 'genome.fa')


def test_a_run_that_kept_no_scale_is_refused_with_a_fix(opened):
    task, datasets = opened
    params, extra = variables.init(task, next(datasets.train()))
    old = {k: v for k, v in datasets.description.items() if k != 'column_scale'}
    model = model_of(task, params, extra, old)
    assert scorer.VariantScorer(model).kinds == ('likelihood',)
    with pytest.raises(errors.UsageError, match='train it again.*annotated=False'):
        scorer.VariantScorer(model, scores=('effect',))
    plain = task.pair_head(params['heads']['variants'], old)
    assert plain.window == 32 and plain.label == 'LOF'
