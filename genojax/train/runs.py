"""A run and the directory it lives in: its config, data, objective, mesh, checkpoints and how to score it.

Training, evaluation and interpretation all open a run the same way. The directory holds `config.json`, `checkpoints/`,
`metrics.jsonl` and whatever the verbs add.
"""

import dataclasses
import json
import pathlib

import jax
import numpy as np

from genojax import checkpoint, config, errors, metrics, sharding, tokenizers
from genojax import experiment as recipes
from genojax.inference import trained
from genojax.tasks import feeds
from genojax.tasks.classification import objective as classify
from genojax.tasks.coverage import objective as tracks
from genojax.typing import Batch

# Streams of random bits that no training step uses (a step is at most 2^31 - 3).
_INIT_STREAM, _EVAL_STREAM = 2**31 - 2, 2**31 - 1


class Run:
    """A config's run in a workdir, opened or begun; nothing is trained and no parameter made yet.

    Args:
        devices: to use; all by default.

    Raises:
        UsageError: the workdir belongs to another config (the differences are listed), cannot be written, or the batch
            cannot be split over the mesh.
    """

    def __init__(
        self, recipe: recipes.Experiment, workdir: pathlib.Path, devices: list | None = None
    ):
        self.recipe, self.workdir = recipe, pathlib.Path(workdir)
        self._refuse_other_config()
        # A tokenizer's file may change or go away; the run has its own copy.
        kept = tokenizers.copy_file(recipe.tokenizer, self.workdir)
        self.recipe = recipe = dataclasses.replace(recipe, tokenizer=kept)
        tokenizer = recipes.make_tokenizer(kept)
        self.feed = feeds.open_feed(recipe.data, recipe.seed, tokenizer, self.workdir)
        means = getattr(self.feed, 'track_means', None)
        self.objective = recipes.build(recipe, self.feed.species, means)
        try:
            self.mesh = sharding.make_mesh(recipe.mesh, devices)
        except ValueError as error:
            raise errors.UsageError(str(error)) from error
        self._refuse_other_classes()
        self._refuse_other_tracks()
        # One batch is enough to know every shape.
        self.sample: Batch = next(iter(self.feed.held_out(1)), None)
        if self.sample is None:
            raise errors.InputError(
                'SP01', 'nothing is held out', fix='leave some cells of the split column empty'
            )
        rows, ways = len(self.sample['tokens']), self.mesh.shape['data'] * self.mesh.shape['fsdp']
        if rows * jax.process_count() % ways:
            raise errors.UsageError(f'a batch of {rows} rows cannot be split over {ways} devices')
        try:
            self.abstract = recipes.abstract(recipe, self.objective, self.sample, self.mesh)
        except (ValueError, NotImplementedError) as error:
            raise errors.UsageError(f'the model does not fit its data: {error}') from error
        self.checkpoints = checkpoint.Checkpoints(self.workdir / 'checkpoints', recipe.keep)
        self.key = jax.random.key(recipe.seed)
        self._score = jax.jit(self._score_batch)
        # Only now, when nothing has refused the config, does the workdir belong to it.
        partial = self.workdir / 'config.json.partial'
        partial.write_text(json.dumps(trained.stored(recipe), indent=1))
        partial.replace(self.workdir / 'config.json')

    def _refuse_other_config(self) -> None:
        try:
            self.workdir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f'{self.workdir} cannot be written: {error.strerror}'
            raise errors.UsageError(reason) from error
        if (self.workdir / 'config.json').exists():
            # Read as a config, so that a field newer than the run has the value it went without.
            theirs = trained.stored(trained.read_config(self.workdir))
            differences = config.differences(theirs, trained.stored(self.recipe))
            if differences:
                title = f'{self.workdir} holds a run of another config (theirs -> yours):'
                raise errors.UsageError('\n  '.join([title, *differences]))

    def _refuse_other_classes(self) -> None:
        if isinstance(self.recipe.objective, classify.ClassifyConfig):
            found, meant = self.feed.task.labelled.classes, self.recipe.objective.classes
            if found != meant:
                raise errors.InputError(
                    'LB02',
                    f'{found} classes, but the config has objective.classes={meant}',
                    path=self.feed.task.labelled.source,
                )

    def _refuse_other_tracks(self) -> None:
        if isinstance(self.recipe.objective, tracks.TracksConfig):
            model = self.recipe.model
            spec, heads = model.input_spec(), model.track_heads
            if not heads:
                raise errors.UsageError(f'model.kind={model.kind!r} predicts no tracks')
            if heads != self.feed.track_counts:
                raise errors.UsageError(
                    f'the data have tracks {self.feed.track_counts}, the model {heads}: set model.organisms and model.tracks'
                )
            if spec.bin != self.recipe.data.bin:
                raise errors.UsageError(
                    f'data.bin={self.recipe.data.bin}, but the model predicts bins of {spec.bin} bp: set data.bin or '
                    'model.stages'
                )
            takes, given = model.accessibility_inputs, len(self.feed.sources[0].inputs)
            if takes != given:
                raise errors.UsageError(
                    f'the model takes {takes} accessibility tracks, the data give {given}: set model.kind and model.inputs, or '
                    'data.accessibility'
                )
            for source in self.feed.sources:
                if source.pieces > 1 and spec.crop > source.flank:
                    raise errors.UsageError(
                        f'model.crop={spec.crop} leaves out bins that no other of the {source.pieces} pieces of a window '
                        f'has: at most {source.flank} for rows of {source.length:,} bp'
                    )

    def describe(self) -> str:
        """What is about to be trained, on what, in a few lines."""
        model, mesh = self.recipe.model, self.mesh
        lines = [
            f'{model.kind}: {recipes.count_parameters(self.abstract):,} parameters; '
            f'{self.recipe.steps:,} steps of {self.sample["tokens"].shape[0]} x '
            f'{self.sample["tokens"].shape[1]} tokens on {mesh.size} {mesh.devices.flat[0].platform} '
            f'device{"s" if mesh.size > 1 else ""}'
        ]
        lines += self.feed.describe()
        return '\n'.join(lines)

    def start(self) -> recipes.TrainState:
        """The newest checkpoint's state; else a fresh one, with `init_from`'s parameters if it is set."""
        latest = self.checkpoints.latest()
        if latest is not None:
            return self.restore(latest)
        shardings = jax.tree.map(lambda leaf: leaf.sharding, self.abstract)
        init = jax.jit(self._init, out_shardings=shardings)
        with jax.set_mesh(self.mesh):
            state = init(jax.random.fold_in(self.key, _INIT_STREAM), self.sample)
        if self.recipe.init_from:
            source = pathlib.Path(self.recipe.init_from)
            state = trained.adopt(source, self.recipe, state)
            rights = json.dumps(trained.inherited(source), indent=1)
            (self.workdir / trained.RIGHTS).write_text(rights)
        return state

    def _init(self, key, batch):
        return recipes.init_state(self.recipe, self.objective, key, batch)

    def restore(self, step: int) -> recipes.TrainState:
        """The state of a checkpoint.

        Raises:
            DamageError: a file is not what was written, or the data behind the run have changed.
        """
        state, data = self.checkpoints.restore(step, self.abstract)
        if data['fingerprint'] != self.feed.fingerprint:
            raise errors.DamageError(
                f'{self.workdir}: the data behind this run have changed since step {step} '
                f'({data["fingerprint"][:16]} -> {self.feed.fingerprint[:16]}). Fix: a new workdir'
            )
        return state

    def restore_latest(self) -> recipes.TrainState:
        """The state of the newest checkpoint: for scores on the data that choose the best one."""
        latest = self.checkpoints.latest()
        if latest is None:
            raise errors.UsageError(f'{self.workdir} holds no finished checkpoint')
        return self.restore(latest)

    def restore_best(self) -> recipes.TrainState:
        """The state with the lowest held-out loss."""
        best = self.checkpoints.best()
        if best is None:
            raise errors.UsageError(f'{self.workdir} holds no finished checkpoint')
        return self.restore(best)

    def save(self, state: recipes.TrainState, loss: float | None) -> None:
        self.checkpoints.save(int(state.step), state, {'fingerprint': self.feed.fingerprint}, loss)

    def put(self, batch: Batch) -> Batch:
        """This host's rows as arrays of the global batch, on the devices."""
        return sharding.shard_batch(batch, self.mesh)

    def score(self, state: recipes.TrainState, limit: int | None = None):
        """Per held-out batch: the batch, and what the objective says of it.

        For a language model that is (bits [B, L], hidden [B, L]) under masks that depend on the seed and the batch's
        place only; for a classifier, its metrics.
        """
        for index, batch in enumerate(self.feed.held_out(limit)):
            key = jax.random.fold_in(jax.random.fold_in(self.key, _EVAL_STREAM), index)
            # `attend` looks at the mesh to split a sequence.
            with jax.set_mesh(self.mesh):
                found = self._score(state.params, state.extra, self.put(batch), key)
            yield batch, jax.device_get(found)

    def _score_batch(self, params, extra, batch, key):
        if self.objective.scores_bits:
            return self.objective.score(params, extra, batch, key)
        return self.objective.loss(params, extra, batch, key, False)[1][1]

    def evaluate(self, state: recipes.TrainState) -> dict[str, metrics.MetricState]:
        """Held-out metrics: a classifier's loss; for language models bits per base, with its parts by species."""
        limit = getattr(self.recipe.data, 'eval_windows', None)
        merged: dict[str, metrics.MetricState] = {}
        for batch, found in self.score(state, limit):
            states = self._bits(batch, *found) if self.objective.scores_bits else found
            for name, one in states.items():
                merged[name] = merged[name].merge(one) if name in merged else one
        return merged

    def _bits(self, batch: Batch, bits_BL, hidden_BL) -> dict[str, metrics.MetricState]:
        weight_B = batch['weight'].astype(np.float64)
        bits_B, count_B = bits_BL.sum(1) * weight_B, hidden_BL.sum(1) * weight_B
        member_BS = np.eye(len(self.feed.species))[batch['species']]
        total = metrics.MetricState(bits_B.sum(), count_B.sum())
        return {
            'bits_per_base': total,
            'bits_per_base/species': metrics.MetricState(bits_B @ member_BS, count_B @ member_BS),
        }

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Metrics with several values, and what each value is of."""
        return {**self.objective.names, 'bits_per_base/species': self.feed.species}

    def close(self) -> None:
        self.checkpoints.close()
