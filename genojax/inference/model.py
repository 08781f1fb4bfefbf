"""A trained model ready to use: sequences in, numpy arrays out."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

import genojax
from genojax import config, dna, errors, models, sharding, tokenizers
from genojax.inference import batching, finite, likelihood, prediction, pretrained
from genojax.models import coordinates
from genojax.typing import Batch

# Tokens per batch: enough to use the device, few enough that one sequence costs little.
_BATCH_TOKENS = {'cpu': 2**11}
_BATCH_TOKENS_ACCELERATOR = 2**14

DnaSequence = batching.DnaSequence


class Model:
    """A model with its parameters; `genojax.load` opens one.

    Sequences are strings of IUPAC letters (either case; all but A, C, G and T are unknown) or
    base codes, uint8. They are batched by length and sharded over the devices of this machine. A
    sequence's result is the same bit for bit whatever else is in the call.

    Args:
        window: bases per row of a model with bins; by default that of its training, or the
            published number.
        devices: to use; all by default.
        read_heads: returns the heads of the tasks of its run, by name; called when one is needed.

    Raises:
        UsageError: the window fits no bins.
    """

    def __init__(
        self,
        source: pretrained.PretrainedModel,
        window: int = 0,
        devices: list | None = None,
        read_heads: Callable[[], Mapping[str, Any]] = dict,
    ):
        self.config, self.provenance = source.model, source.provenance
        self.path, self.read_heads = source.path, functools.cache(read_heads)
        self.tokenizer_config = source.tokenizer
        self.tokenizer = tokenizers.make(source.tokenizer)
        self.input_spec = source.model.input_spec()
        self.mesh = sharding.make_mesh(sharding.MeshConfig(), devices)
        self.module = models.build(source.model)
        everywhere = sharding.replicated(self.mesh)
        self.params, self.extra = jax.device_put((source.params, source.extra), everywhere)
        platform = self.mesh.devices.flat[0].platform
        self.reader = batching.RowReader(
            self.tokenizer,
            self.input_spec,
            window=batching.window_of(self.input_spec, window or source.row_tokens),
            batch_tokens=_BATCH_TOKENS.get(platform, _BATCH_TOKENS_ACCELERATOR),
            multiple=self.mesh.size,
            trained_tokens=source.trained_tokens,
        )
        self._features = jax.jit(self._compute_features, static_argnames='outputs')
        self.bits = jax.jit(self._compute_bits)
        self._attention = jax.jit(self._compute_attention)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Outputs that the model has, of 'pooled', 'first', 'hidden', 'logits', 'tracks'."""
        return self.config.outputs

    @property
    def metadata(self) -> dict[str, Any]:
        """What the model is and where it comes from: JSON."""
        record = {
            'genojax': genojax.__version__,
            **self.provenance,
            'model_config': config.to_dict(self.config),
            'tokenizer': config.to_dict(self.tokenizer_config),
        }
        if self.config.accessibility_inputs:
            record['accessibility'] = 'unknown everywhere: only DNA is read'
        if self.reader.window:
            record['covers'] = (
                f'the middle {self.covered_bases:,} of the {self.reader.window:,} bases of a row'
            )
        return record

    @property
    def covered_bases(self) -> int:
        """Bases in the middle of a window that have bins; 0 for models without bins."""
        if not self.reader.window:
            return 0
        return self.reader.window - 2 * self.input_spec.crop * self.input_spec.bin

    # What the model computes

    def _inputs(self, batch: Batch) -> dict:
        return coordinates.model_inputs(
            self.config, self.tokenizer, batch['bases'], batch['valid'], spans_BT2=batch['spans']
        )

    def forward(self, params, extra, batch: Batch):
        """The `Features` of a batch; to be traced, as part of a `compute` of `run`."""
        return self._apply(params, extra, batch)

    def _apply(self, params, extra, batch: Batch, **options):
        variables = {'params': params, **extra}
        return self.module.apply(
            variables, batch['tokens'], train=False, **self._inputs(batch), **options
        )

    def _compute_features(self, params, extra, batch: Batch, outputs: tuple[str, ...]):
        features = self._apply(params, extra, batch)
        every = {
            'pooled': features.pooled_BD,
            'first': features.first_BD,
            'hidden': features.hidden_BTD,
            'logits': features.logits_BTV,
            'tracks': features.tracks,
        }
        return jax.tree.map(
            lambda x: x.astype(jnp.float32), {name: every[name] for name in outputs}
        )

    def _compute_bits(self, params, extra, batch: Batch):
        features = self._apply(params, extra, batch)
        return likelihood.bits(features.logits_BTV, batch, self.tokenizer)

    def _compute_attention(self, params, extra, batch: Batch):
        _, state = self._apply(params, extra, batch, mutable=['attention_weights'])
        (weights_NBHTT,) = jax.tree.leaves(state['attention_weights'])
        return weights_NBHTT

    def compiled(self, function: Callable[[Any, Batch], Any]) -> Callable:
        """`function(features, batch)` after a forward pass, compiled: a `compute` of `run`."""
        return jax.jit(
            lambda params, extra, batch: function(self._apply(params, extra, batch), batch)
        )

    def run(
        self,
        rows: Iterable[batching.TokenRow],
        compute: Callable,
        prepare: Callable[[batching.RowBatch], Batch] = lambda part: part.batch,
    ) -> Iterator[tuple[batching.RowBatch, Any]]:
        """`run_batches` of rows, which are grouped by their padded length."""
        return self.run_batches(batching.batches(rows, self.reader), compute, prepare)

    def run_batches(
        self,
        parts: Iterable[batching.RowBatch],
        compute: Callable,
        prepare: Callable[[batching.RowBatch], Batch] = lambda part: part.batch,
    ) -> Iterator[tuple[batching.RowBatch, Any]]:
        """Each batch and `compute(params, extra, batch)` as numpy; the next runs meanwhile."""
        pending = None
        for part in parts:
            with jax.set_mesh(self.mesh):  # `attend` shards sequences over the current mesh
                batch = jax.device_put(prepare(part), sharding.batch_sharding(self.mesh))
                result = compute(self.params, self.extra, batch)
            if pending is not None:
                yield pending[0], jax.device_get(pending[1])
            pending = part, result
        if pending is not None:
            yield pending[0], jax.device_get(pending[1])

    def check_output(self, output: str) -> None:
        """Raises UsageError if the model has no such output."""
        if output not in self.outputs:
            raise errors.UsageError(
                f'a model {self.config.kind!r} has no output {output!r}; '
                f'it has {", ".join(self.outputs)}'
            )

    def features(
        self, codes: Iterable[np.ndarray], output: str
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For each sequence, in order of completion: its number, its output and its tokens' spans.

        Args:
            codes: base codes of the sequences; not checked.
            output: one of `outputs`.

        Raises:
            UsageError: the model has no such output.
        """
        self.check_output(output)

        def compute(params, extra, batch):
            return self._features(params, extra, batch, outputs=(output,))[output]

        rows = (self.reader.row(codes_L) for codes_L in codes)
        for part, values in self.run(rows, compute):
            for at, number in enumerate(part.numbers.tolist()):
                row = jax.tree.map(lambda x, at=at: x[at], values)
                yield number, row, part.batch['spans'][at]

    # What a user calls

    def codes(self, sequences: Sequence[DnaSequence]) -> list[np.ndarray]:
        """Sequences as base codes, each checked against what the model reads.

        Raises:
            UsageError: there is no sequence, or one is neither letters nor base codes.
            InputError: EM01 for a sequence that is too long, EM02 for one shorter than a token.
        """
        if isinstance(sequences, str):
            raise errors.UsageError('sequences must be a list: [sequence], not one string')
        codes = []
        for number, sequence in enumerate(sequences):
            codes.append(batching.base_codes(sequence, number))
            self.reader.check(codes[-1], f'sequence {number}')
        if not codes:
            raise errors.UsageError('sequences is empty: there is nothing to compute')
        if beyond := [bases for bases in map(self.reader.beyond_training, codes) if bases]:
            warnings.warn(
                f'{len(beyond):,} sequences have more than the {self.reader.trained_tokens:,} '
                'tokens of the rows that the model was trained on: values for them extrapolate. '
                f'Fix: cut them into sequences of at most {min(beyond):,} bases',
                stacklevel=3,
            )
        return codes

    def embed(
        self, sequences: Sequence[DnaSequence], pool: Literal['mean', 'first'] | None = 'mean'
    ) -> np.ndarray | list[np.ndarray]:
        """Vectors of sequences, float32.

        Args:
            pool: 'mean': the model's pooled vector, for most the mean over tokens; 'first': the
                first token's vector ([CLS] where there is one). None: every token's or bin's.

        Returns:
            [N, D]; for pool=None a list of [T, D] without special tokens and padding (for models
            with bins, [bins, D] of the whole window).
        """
        outputs = {'mean': 'pooled', 'first': 'first', None: 'hidden'}
        if pool not in outputs:
            raise errors.UsageError(f"{pool=} is not 'mean', 'first' or None")
        codes, output = self.codes(sequences), outputs[pool]
        vectors: list = [None] * len(codes)
        for number, values, spans in self.features(codes, output):
            every = pool is not None or self.reader.window
            vectors[number] = values if every else values[spans[:, 0] >= 0]
        finite.check(self.path, vectors, finite.numbered)
        return vectors if pool is None else np.stack(vectors)

    @functools.cached_property
    def heads(self) -> Mapping[str, prediction.TaskHead]:
        """The tasks of the run that predict for a sequence, by name; none for other models."""
        everywhere = sharding.replicated(self.mesh)
        return {
            name: dataclasses.replace(head, params=jax.device_put(head.params, everywhere))
            for name, head in self.read_heads().items()
            if isinstance(head, prediction.TaskHead)
        }

    def head(self, task: str | None = None) -> prediction.TaskHead:
        """The head of a task, by default of the only one; errors as `prediction.select`."""
        return prediction.select(self, task)

    def predict(
        self, sequences: Sequence[DnaSequence], task: str | None = None
    ) -> prediction.Predictions:
        """What a task of the run predicts for each sequence; see `prediction.Predictions`.

        Args:
            task: its name; by default the only one.

        Raises:
            UsageError: the model has no such task, or there is no sequence.
            InputError: a sequence is longer than the rows of the training, or shorter than a token.
        """
        head = self.head(task)
        if isinstance(sequences, str) or not len(sequences):
            raise errors.UsageError('sequences must be a list with one sequence or more')
        codes = [
            head.read_row(batching.base_codes(sequence, number), record=f'sequence {number}')
            for number, sequence in enumerate(sequences)
        ]
        return prediction.predict(self, head, codes)

    def logits(self, sequences: Sequence[DnaSequence]) -> list[np.ndarray]:
        """Scores of the language-model head: float32 [T, V] per sequence, no special tokens.

        Raises:
            DamageError: a score of a token is not finite.
        """
        codes = self.codes(sequences)
        scores: list = [None] * len(codes)
        for number, values, spans in self.features(codes, 'logits'):
            scores[number] = values[spans[:, 0] >= 0]
        used = self.tokenizer.vocab_size
        finite.check(self.path, [x[:, :used] for x in scores], finite.numbered)
        return scores

    def log_likelihood(
        self, sequences: Sequence[DnaSequence], mask: Literal['each'] | int = 'each'
    ) -> likelihood.LogLikelihood:
        """log2 p of every base given the others; see `likelihood.LogLikelihood`.

        Args:
            mask: 'each' hides one base (one token, where tokens do not overlap) at a time and costs
                one pass per base; n hides every n-th together and costs n passes.

        Raises:
            UsageError: the model scores no tokens, or another value of `mask`.
            DamageError: a value is not finite.
        """
        if not self.config.has_lm_head:
            raise errors.UsageError(f'a model {self.config.kind!r} has no language-model head')
        if mask != 'each' and not (isinstance(mask, int) and mask >= 1):
            raise errors.UsageError(f"{mask=} must be 'each' or a positive number")
        groups = None if mask == 'each' else int(mask)
        return likelihood.score(self, self.codes(sequences), groups)

    def tracks(
        self, sequences: Sequence[DnaSequence], both_strands: bool = False
    ) -> dict[str, np.ndarray]:
        """Predicted coverage by organism, float32 [N, bins, tracks].

        Args:
            both_strands: the mean with the prediction for the reverse strand, bins reversed. Tracks
                that are one strand's are averaged with the same track, not with their partner.

        Raises:
            UsageError: the model predicts no tracks.
            DamageError: a value is not finite.
        """
        codes = self.codes(sequences)
        strands = [codes]
        if both_strands:
            strands.append([dna.reverse_complement(codes_L) for codes_L in codes])
        total: dict[str, list] = {name: [0.0] * len(codes) for name in self.config.track_heads}
        for strand, chosen in enumerate(strands):
            for number, values, _ in self.features(chosen, 'tracks'):
                for name, bins_PC in values.items():
                    oriented = bins_PC[::-1] if strand else bins_PC
                    total[name][number] = total[name][number] + oriented / len(strands)
        for rows in total.values():
            finite.check(self.path, rows, finite.numbered)
        return {name: np.stack(rows).astype(np.float32) for name, rows in total.items()}

    def attention(
        self,
        sequences: Sequence[DnaSequence],
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
    ) -> list[np.ndarray]:
        """Attention weights: one float32 [layers, heads, T, T] per sequence, special tokens
        included.

        Row i holds the weights with which token i attends to the others; they add up to 1.

        Args:
            layers, heads: numbers from 0; all by default.

        Raises:
            UsageError: a layer or head that the model does not have, or a model without attention
                maps.
            DamageError: a weight is not finite.
        """
        codes = self.codes(sequences)
        layer_count, head_count = self.config.attention_maps
        if not layer_count:
            raise errors.UsageError(
                f'attention maps of a model {self.config.kind!r} are not available'
            )
        layers = _checked('layer', layers, layer_count)
        heads = _checked('head', heads, head_count)
        lengths = [len(self.reader.row(codes_L).ids_T) for codes_L in codes]
        maps: list = [None] * len(codes)
        rows = (self.reader.row(codes_L) for codes_L in codes)
        for part, weights_NBHTT in self.run(rows, self._attention):
            for at, number in enumerate(part.numbers.tolist()):
                size = lengths[number]
                chosen = weights_NBHTT[:, at][np.ix_(layers, heads)]
                maps[number] = chosen[..., :size, :size]
        finite.check(self.path, maps, finite.numbered)
        return maps


def _checked(what: str, numbers: Sequence[int] | None, count: int) -> list[int]:
    """Layer or head numbers, all within 0 .. count - 1."""
    numbers = list(range(count)) if numbers is None else list(numbers)
    wrong = [number for number in numbers if not 0 <= number < count]
    if wrong:
        raise errors.UsageError(
            f'the model has no {what} {wrong[0]}: {what}s are numbered 0 to {count - 1}'
        )
    return numbers
