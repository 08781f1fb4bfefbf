"""Embeddings of regions as arrays; `genojax embed` itself is tested in tests/cli/test_embed.py."""

import jax
import numpy as np
import pytest

from genojax import errors
from genojax.inference import embedding, finite, requests
from tests.inference.test_model import NETWORK, random_model


def test_regions_are_embedded_in_order_with_the_bases_of_each_token(tmp_path):
    fasta = tmp_path / 'x.fa'
    fasta.write_text('>a\nACGTTGCATGGCA\n>b\nTTGACATTAGGCATTACG\n')
    regions = requests.read(fasta)
    model = random_model(NETWORK)
    done = []
    pooled = embedding.embed(model, regions, 'pooled', done.append)['embeddings']
    np.testing.assert_array_equal(pooled, model.embed(['ACGTTGCATGGCA', 'TTGACATTAGGCATTACG']))
    assert sum(done) == 2
    tokens = embedding.embed(model, regions, 'hidden')
    assert tokens['offsets'].tolist() == [0, 13, 31]
    assert tokens['spans'][13:15].tolist() == [[0, 1], [1, 2]]
    with pytest.raises(errors.UsageError, match="no output 'tracks'"):
        embedding.embed(model, regions, 'tracks')


def test_a_region_that_is_too_long_names_file_line_and_interval(tmp_path):
    fasta = tmp_path / 'x.fa'
    fasta.write_text(f'>a\nACGT\n>b\n{"ACGT" * 30}\n')
    regions = requests.read(fasta)
    model = random_model(type(NETWORK)(vocab=10, width=8, depth=1, heads=2, inner=8, max_tokens=32))
    with pytest.raises(errors.InputError, match=r"x.fa:3: record 'b': b:0-120 has 120 bases"):
        embedding.check(model, regions, fasta)


@pytest.mark.parametrize('size', [1e37, np.inf])
def test_weights_that_overflow_are_refused_not_embedded(tmp_path, size):
    (tmp_path / 'x.fa').write_text('>a\nACGTTGCATGGCA\n>b\nTTGACATTAGGCATTACG\n')
    regions = requests.read(tmp_path / 'x.fa')
    model = random_model(NETWORK)
    model.params = jax.tree.map(lambda x: x * size, model.params)
    with pytest.raises(errors.DamageError, match="of 2 of 2 rows are NaN or .* those of 'a'"):
        embedding.embed(model, regions, 'pooled')
    with pytest.raises(errors.DamageError, match='of 2 of 2 rows .* sequence 0'):
        model.embed(['ACGTTGCATGGCA', 'TTGACATTAGGCATTACG'])


def test_rows_that_are_not_finite_are_counted_and_the_first_is_named():
    rows = [np.ones(3), np.array([1, np.inf]), np.ones((2, 2)), np.array([np.nan])]
    finite.check('runs/x', rows[:1], str)
    words = 'runs/x: the results of 2 of 4 rows are NaN or infinite, the first of them those of 1:'
    with pytest.raises(errors.DamageError, match=words):
        finite.check('runs/x', rows, str)
