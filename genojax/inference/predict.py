"""A trained model's outputs for sequences of any lengths: rows grouped by length, so few shapes compile, order kept.

`Predictor` turns batches into outputs. `by_length` makes batches of sequences: each is padded to the next of a few lengths
by its own alone, so a row's outputs do not depend on what else is asked for.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import dna, sharding
from genojax.tokenizers import base
from genojax.typing import Array, Batch

OUTPUTS = ('pooled', 'first', 'hidden', 'logits', 'tracks')
ROW_TOKENS = (
    2**14
)  # tokens in a batch where its rows are not given: enough to keep a core or a small GPU busy


class Predictor:
    """`predict(params, extra, batches, outputs)` of one model; every shape of a batch is compiled once.

    Args:
        told: the keyword arguments of the model besides its tokens, from a batch's arrays, inside `jit`; None where it
            needs none.
        mesh: rows are split over its data axes, which must divide them; one device by default.
    """

    def __init__(
        self,
        model: nn.Module,
        told: Callable[[Batch], dict[str, Array]] | None = None,
        mesh: jax.sharding.Mesh | None = None,
    ):
        self.model, self.told = model, told
        self.mesh = (
            sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1]) if mesh is None else mesh
        )
        self._call = jax.jit(self._features, static_argnames='outputs')

    def _features(self, params, extra, batch: Batch, outputs: tuple[str, ...]):
        told = self.told(batch) if self.told else {}
        features = self.model.apply(
            {'params': params, **extra}, batch['tokens'], train=False, **told
        )
        found = {
            'pooled': features.pooled_BD,
            'first': features.first_BD,
            'hidden': features.hidden_BTD,
            'logits': features.logits_BTV,
            'tracks': features.tracks,
        }
        return jax.tree.map(
            lambda x: x.astype(jnp.float32), {name: found[name] for name in outputs}
        )

    def __call__(
        self, params, extra, batches: Iterable[Batch], outputs: Sequence[str] = ('pooled',)
    ) -> Iterator[dict[str, np.ndarray]]:
        """The named outputs of each batch, float32 numpy arrays, in order; the next batch runs meanwhile.

        Raises:
            ValueError: an output that is none of `OUTPUTS`.
        """
        unknown = set(outputs) - set(OUTPUTS)
        if unknown:
            raise ValueError(f'outputs {sorted(unknown)} are none of {OUTPUTS}')
        everywhere = sharding.replicated(self.mesh)
        params, extra = jax.device_put((params, extra), everywhere)
        waiting = None
        for batch in batches:
            if self.told is None:
                batch = {'tokens': batch['tokens']}
            with jax.set_mesh(self.mesh):  # `attend` looks at it
                batch = jax.device_put(batch, sharding.batch_sharding(self.mesh))
                found = self._call(params, extra, batch, outputs=tuple(outputs))
            if waiting is not None:
                yield jax.device_get(waiting)
            waiting = found
        if waiting is not None:
            yield jax.device_get(waiting)


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """How a model takes a sequence.

    Attributes:
        most_tokens: the longest row it reads, special tokens included; None: any.
        window: where not 0, every row has this many bases: a shorter sequence stands in the middle of unknown ones, and
            there are no special tokens. For models that pool bases to bins and leave out those near the ends.
        block: where not 0, tokens that rows are padded to whole multiples of and no further: who sees whom depends on a row's
            length by whole blocks, as BigBird's last and random ones do.
        ends: tokens at the ends of a row that are in no block.
        back: tokens at the end of a row that stay at its end when it is padded, because the model takes them from there.
    """

    tokenizer: base.Tokenizer
    most_tokens: int | None = None
    window: int = 0
    block: int = 0
    ends: int = 0
    back: int = 0

    def tokens(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of one sequence, uint8 [L] to int32 [T], and the bases that each covers, int32 [T, 2]."""
        if self.window:
            ids = np.full(self.window, self.tokenizer.special.pad, np.int32)
            before = self.before(len(codes))
            ids[before : before + len(codes)] = self.tokenizer.encode(codes)
            place = np.arange(-before, self.window - before, dtype=np.int32)
            return ids, np.stack([place, place + 1], axis=1)
        return self.tokenizer.encode_with_spans(codes)

    def before(self, length: int) -> int:
        """How many unknown bases stand in front of so many."""
        return (self.window - length) // 2 if self.window else 0

    def padded(self, tokens: int) -> int:
        """The length that a row of so many tokens is padded to: a power of two or 1.5 times one, of which few exist, or whole
        blocks."""
        if self.window:
            return tokens
        if self.block:
            inside = _round_up(tokens - self.ends, self.block) + self.ends
            return (
                inside if self.most_tokens is None else max(min(inside, self.most_tokens), tokens)
            )
        power = max(16, 1 << (tokens - 1).bit_length())
        length = power * 3 // 4 if 16 < power and tokens <= power * 3 // 4 else power
        return length if self.most_tokens is None else max(min(length, self.most_tokens), tokens)


@dataclasses.dataclass(frozen=True)
class Rows:
    """A batch that holds rows of a larger whole: its row i < len(numbers) is numbers[i], the others fill it up."""

    numbers: np.ndarray
    batch: Batch


def by_length(
    sequences: Iterable[np.ndarray], reading: Reading, rows: int = 0, ways: int = 1
) -> Iterator[Rows]:
    """Batches of sequences of about one length; every sequence is in exactly one.

    A batch holds `tokens` int32 [B, T], `bases` uint8 [B, L], `valid` int32 [B] real bases and `spans` int32 [B, T, 2], the
    bases of each token. T depends on the sequence alone. A length's last batch has the next power of two of rows.

    Args:
        sequences: base codes, each [L]; read once.
        rows: of a batch; by default as many as make `ROW_TOKENS` tokens.
        ways: what the number of rows must be a multiple of.
    """
    waiting: dict[int, list] = {}
    for number, codes in enumerate(sequences):
        ids, spans = reading.tokens(codes)
        length = reading.padded(len(ids))
        group = waiting.setdefault(length, [])
        group.append((number, ids, spans, codes))
        if len(group) == _round_up(rows or max(1, ROW_TOKENS // length), ways):
            yield _batch(group, length, len(group), reading)
            group.clear()
    for length, group in sorted(waiting.items()):
        if group:
            yield _batch(group, length, _round_up(_power(len(group)), ways), reading)


def _power(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _round_up(count: int, ways: int) -> int:
    return -(-count // ways) * ways


def _batch(group: list, length: int, rows: int, reading: Reading) -> Rows:
    """Rows padded to one length; rows that fill up repeat the last one."""
    tokenizer, filled = reading.tokenizer, group + group[-1:] * (rows - len(group))
    longest = max(len(codes) for *_, codes in group)
    # The width is that of the tokens, or the next power of two, so that shapes are few.
    wide = length + tokenizer.bases_per_token - 1 if tokenizer.overlapping else _power(longest)
    tokens = np.full((rows, length), tokenizer.special.pad, np.int32)
    spans = np.full((rows, length, 2), -1, np.int32)
    bases = np.full((rows, wide), dna.UNKNOWN, np.uint8)
    for row, (_, ids, covered, codes) in enumerate(filled):
        core = len(ids) - reading.back
        tokens[row, :core], spans[row, :core] = ids[:core], covered[:core]
        tokens[row, length - reading.back :] = ids[core:]
        bases[row, : len(codes)] = codes
    valid = np.array([len(codes) for *_, codes in filled], np.int32)
    numbers = np.array([number for number, *_ in group])
    return Rows(numbers, {'tokens': tokens, 'bases': bases, 'valid': valid, 'spans': spans})
