"""Embeddings of regions as arrays; `genojax embed` itself is tested in tests/cli/test_embed.py."""

import numpy as np
import pytest

from genojax import errors
from genojax.inference import embedding, requests
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
