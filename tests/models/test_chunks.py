"""Rows are divided into chunks and chunks into steps, and back, without loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import sharding
from genojax.models import chunks

MEGABASE = {'size': 16_384, 'max_chunks': 64, 'at_once': 1}


def test_a_million_bases_are_64_chunks_and_the_limit():
    layout = chunks.layout(2**20, **MEGABASE)
    assert (layout.count, layout.padded, layout.size) == (64, 64, 16_384)
    with pytest.raises(ValueError, match='the model reads 1 to 64 chunks of 16384'):
        chunks.layout(2**20 + 1, **MEGABASE)
    with pytest.raises(ValueError, match='0 tokens between'):
        chunks.layout(0, **MEGABASE)


def test_a_short_row_is_one_chunk_of_its_length():
    layout = chunks.layout(100, **MEGABASE)
    assert (layout.count, layout.padded, layout.size) == (1, 1, 100)


def test_steps_and_back_are_the_same_chunks_in_order():
    layout = chunks.layout(5 * 8 - 3, size=8, max_chunks=8, at_once=2)
    assert (layout.count, layout.steps, layout.padded) == (5, 3, 6)
    x_BC = jnp.arange(2 * 6 * 4).reshape(2, 6, 4)
    x_SBG = layout.to_steps(x_BC)
    assert x_SBG.shape == (3, 2, 2, 4)
    assert np.array_equal(layout.from_steps(x_SBG), x_BC)
    # The chunks of one index within the steps, and so of one device, are neighbours.
    assert np.array_equal(x_SBG[:, 0, 0], x_BC[0, :3])


def test_a_sequence_axis_must_divide_the_chunks_of_a_step():
    mesh = sharding.make_mesh(sharding.MeshConfig(data=2, sequence=4), jax.devices())
    with (
        jax.set_mesh(mesh),
        pytest.raises(ValueError, match='set model.at_once to a multiple of 4'),
    ):
        chunks.layout(64, size=8, max_chunks=8, at_once=2)
