"""`genojax embed`: one row a record or interval, the strand it is on, coordinates, and every mistake in one line."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

import genojax
from genojax import checkpoint, config, dna, errors, experiment, models, tokenizers
from genojax.cli import flags, main
from genojax.convert import store
from genojax.inference import embedding, pretrained, requests
from genojax.models import bert, enformer

pytestmark = pytest.mark.usefixtures('one_device')

CONTIG = ''.join(np.random.default_rng(0).choice(list('ACGTNacgt'), 90))


def variables(network, length=8):
    model = models.build(network)
    key = jax.random.key(0)
    return dict(meta.unbox(jax.jit(model.init)(key, jnp.zeros((1, length), jnp.int32))))


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A converted model of 3-mers that reads 32 tokens, sequences, and intervals on both strands."""
    folder = tmp_path_factory.mktemp('embed')
    network = bert.BertConfig(vocab=69, width=8, depth=1, heads=2, inner=8, max_tokens=32)
    tokenizer = tokenizers.TokenizerConfig('kmer', 3)
    params = variables(network)['params']
    told = {'kind': 'tiny', 'source': 'here'}
    store.write(store.ConvertedModel(network, params, {}, tokenizer, 'MIT', told), folder / 'model')
    minus = dna.decode(dna.reverse_complement(dna.encode(CONTIG[10:30])))
    records = {'one': CONTIG[10:30], 'two': minus, 'three': CONTIG[:7]}
    (folder / 'short.fa').write_text(''.join(f'>{n} of it\n{s}\n' for n, s in records.items()))
    (folder / 'long.fa').write_text(f'>c1\n{CONTIG[:60]}\n{CONTIG[60:]}\n>c2\nACGTACGT\n')
    rows = ['c1\t10\t30\tone\t0\t+', 'c2\t0\t8', 'c1\t10\t30\ttwo\t0\t-', 'c1\t0\t7\tthree']
    (folder / 'rows.bed').write_text('\n'.join(rows) + '\n')
    return folder


def embed(files, *arguments, model='model', out='x.npz'):
    main.main(['embed', str(files / model), *arguments, f'--out={files / out}'])
    return np.load(files / out) if out.endswith('.npz') else (files / out).read_text()


def test_intervals_are_the_records_they_cut_out_and_come_in_the_order_of_the_file(files):
    bed = embed(files, f'--fasta={files}/long.fa', f'--bed={files}/rows.bed')
    fasta = embed(files, f'--fasta={files}/short.fa', out='y.npz')
    assert bed['names'].tolist() == ['one', 'c2:0-8', 'two', 'three']
    assert (bed['start'].tolist(), bed['end'].tolist()) == ([10, 0, 10, 0], [30, 8, 30, 7])
    assert bed['strand'].tolist() == ['+', '.', '-', '.']
    assert fasta['names'].tolist() == fasta['contig'].tolist() == ['one', 'two', 'three']
    assert bed['embeddings'].dtype == np.float32 and bed['embeddings'].shape == (4, 8)
    np.testing.assert_allclose(bed['embeddings'][[0, 2, 3]], fasta['embeddings'], atol=1e-5)
    assert np.abs(np.diff(fasta['embeddings'][:2], axis=0)).max() > 1e-3
    told = json.loads(str(bed['metadata']))
    assert (told['license'], told['kind'], told['tokenizer']['k']) == ('MIT', 'tiny', 3)


def test_a_table_gives_the_same_numbers_back(files):
    text = embed(files, f'--fasta={files}/short.fa', out='x.tsv')
    about, header, *rows = text.splitlines()
    assert json.loads(about.removeprefix('#'))['pool'] == 'mean'
    assert header.split('\t')[:6] == ['name', 'contig', 'start', 'end', 'strand', 'e0']
    assert rows[0].split('\t')[:5] == ['one', 'one', '0', '20', '+']
    values = np.array([row.split('\t')[5:] for row in rows], np.float32)
    again = embed(files, f'--fasta={files}/short.fa', out='y.npz')['embeddings']
    np.testing.assert_array_equal(values, again)


def test_tokens_say_which_bases_they_cover_on_the_forward_strand(files):
    found = embed(
        files, f'--fasta={files}/long.fa', f'--bed={files}/rows.bed', '--pool=tokens', out='t.npz'
    )
    assert found['offsets'].tolist() == [0, 18, 24, 42, 47]
    spans, offsets = found['spans'], found['offsets']
    assert spans[: offsets[1]].tolist() == [[10 + i, 13 + i] for i in range(18)]
    assert spans[offsets[2] : offsets[3]].tolist() == [[27 - i, 30 - i] for i in range(18)]
    first = embed(files, f'--fasta={files}/short.fa', '--pool=first', out='f.npz')['embeddings']
    assert first.shape == (3, 8) and found['embeddings'].shape == (47, 8)


def test_windows_cover_every_base_and_end_with_their_record(files):
    found = embed(files, f'--fasta={files}/long.fa', '--window=32', '--stride=20', out='w.npz')
    assert found['names'].tolist() == ['c1'] * 4 + ['c2']
    assert found['start'].tolist() == [0, 20, 40, 58, 0]
    assert found['end'].tolist() == [32, 52, 72, 90, 8]


BAD = {
    'c9\t0\t5\n': (3, "bad.bed:1: the contig 'c9' is not in"),
    'c1\t0\t91\n': (3, "bad.bed:1: end 91, but 'c1' has 90 bases"),
    'c1\t0\t9\nc1\t5\tx\n': (3, "bad.bed:2: 'x' is not a whole number"),
    'c1 0 9\n': (3, 'bad.bed:1: columns are not separated by TABs'),
    '#\nc1\t7\t3\n': (3, 'bad.bed:2: start 7 > end 3'),
    'c1\t3\t5\tq\n': (3, "bad.bed:1: record 'q': c1:3-5: 2 bases, fewer than a token has"),
    'c1\t0\t9\nc1\t0\t40\tp\n': (
        3,
        "bad.bed:2: record 'p': c1:0-40 has 40 bases: that is 40 tokens, and the model reads 32. "
        'Fix: --window=32 gives several rows',
    ),
    'c1\ta\tgene\t1\t9\t.\t+\t.\tID=g\n': (2, 'bad.bed is GFF3, not BED'),
}


@pytest.mark.parametrize('text', BAD, ids=str)
def test_an_interval_that_cannot_be_meant_is_one_line_with_its_place(files, text, capsys):
    (files / 'bad.bed').write_text(text)
    check_refused(files, [f'--bed={files}/bad.bed'], BAD[text], capsys)
    assert not (files / 'z.npz').exists()


def check_refused(files, arguments, expected, capsys, out='z.npz', model='model'):
    with pytest.raises(SystemExit) as stop:
        embed(files, f'--fasta={files}/long.fa', *arguments, model=model, out=out)
    text = capsys.readouterr().err
    assert (stop.value.code, expected[1] in text, text.count('\n')) == (expected[0], True, 1), text


@pytest.mark.parametrize(
    ('arguments', 'options', 'words'),
    [
        (['--stride=3'], {}, '--stride=N goes with --window=N'),
        (['--window=8', '--stride=9'], {}, 'bases between windows would be left out'),
        (['--pool=tokens'], {'out': 'z.tsv'}, '--out=FILE.npz'),
        ([], {'out': 'z.txt'}, 'neither .npz nor .tsv'),
        ([], {'out': 'absent/z.npz'}, 'no such folder'),
        ([], {'model': 'short.fa'}, 'neither the workdir of a run nor a converted model'),
    ],
)
def test_flags_that_cannot_be_meant_are_told_before_the_work(
    files, arguments, options, words, capsys
):
    check_refused(files, arguments, (2, words), capsys, **options)


def test_a_run_s_workdir_gives_its_best_checkpoint_without_the_task_s_head(files):
    recipe = experiment.from_config(flags.load('demo_promoters'))
    network = models.build(recipe.model).config
    made = variables(network)['params']
    folder = files / 'run'
    store_of = checkpoint.Checkpoints(folder / 'checkpoints')
    for step, loss in ((1, 0.5), (2, 0.9)):
        params = {
            'model': jax.tree.map(lambda x, s=step: x * s, made),
            'head': {'bias': np.ones(2)},
        }
        store_of.save(step, {'params': params, 'extra': {}}, {}, loss)
    store_of.close()
    (folder / 'config.json').write_text(json.dumps(config.to_dict(recipe)))
    found = embed(files, f'--fasta={files}/short.fa', model='run', out='r.npz')
    assert json.loads(str(found['metadata']))['step'] == 1
    opened = pretrained.read(folder)
    assert found['embeddings'].shape == (3, opened.model.width)


def test_bins_inside_a_region_are_embedded_with_their_intervals(files):
    """A region is centred in the window; bins beside it and in the crop are left out."""
    network = enformer.EnformerConfig(
        width=12, depth=1, heads=2, key_width=4, basis=6, stages=2, multiple=2, crop=1,
        organisms=('human',), tracks=(2,),
    )  # fmt: skip
    arrays = variables(network, 32)
    tokenizer = tokenizers.TokenizerConfig('nucleotide', 1)
    extra = {'batch_stats': arrays['batch_stats']}
    provenance = {'kind': 'tiny', 'source': 'here'}
    loaded = store.ConvertedModel(network, arrays['params'], extra, tokenizer, 'none', provenance)
    store.write(loaded, files / 'bins')
    rows = ['c1\t10\t20\ta\t0\t+', 'c1\t10\t20\tb\t0\t-', 'c1\t3\t35\tall']
    (files / 'bins.bed').write_text('\n'.join(rows) + '\n')
    regions = requests.read(files / 'long.fa', files / 'bins.bed')
    model = genojax.load(files / 'bins', window=32)
    bins = embedding.embed(model, regions, 'hidden')
    # 10 bases from base 11 of 32: bins [8, 12) to [20, 24) hold some; 32 bases: eight bins less two.
    assert bins['offsets'].tolist() == [0, 4, 8, 14]
    assert bins['spans'][:4].tolist() == [[10, 11], [11, 15], [15, 19], [19, 20]]
    assert bins['spans'][4:8].tolist() == [[19, 20], [15, 19], [11, 15], [10, 11]]
    assert bins['spans'][8].tolist() == [7, 11] and bins['spans'][13].tolist() == [27, 31]
    pooled = embedding.embed(model, regions, 'pooled')['embeddings']
    np.testing.assert_allclose(pooled[0], bins['embeddings'][:4].mean(0), atol=1e-5)
    ids = tokenizers.make(tokenizer).encode(CONTIG[3:35])[None]
    module, values = models.build(network), {'params': arrays['params'], **extra}
    alone = jax.jit(module.apply)(values, ids).hidden_BTD[0]
    np.testing.assert_allclose(bins['embeddings'][8:], alone, rtol=1e-4, atol=1e-5)
    with pytest.raises(
        errors.UsageError, match='--window=N must be what this model was trained on'
    ):
        genojax.load(files / 'bins')
    with pytest.raises(errors.UsageError, match="no output 'first'"):
        embedding.embed(model, regions, 'first')
