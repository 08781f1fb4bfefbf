"""Trained models: a run's workdir, or a directory written by `genojax convert`; also in a bucket.

A run's `config.json` names its model and tokenizer; its best checkpoint holds the parameters. Tasks
and their heads are not needed to read a model.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from genojax import checkpoint, config, errors, json_files, models, plugins, stores, tokenizers
from genojax import optim as optimizers
from genojax.convert import files, store
from genojax.inference import adapters, likelihood
from genojax.optim import trainable

# In the workdir of a run that starts from other weights: their source, licence and origin.
LICENSE_FILE = 'init_from.json'
# Fields that config.json had in earlier versions -> the value that all runs had.
_OBSOLETE = {'optim.beta1': 0.9, 'model.attention.global_tokens': 1}
# In every workdir: what the run is, beside its config.
RECORD_FILE = 'run.json'
_RECORD = {
    'rows?': {'tokens?': {...: int}, 'trained_tokens?': (int, type(None))},
    'plugins?': {...: {...: str}},
}
_LICENSE = dict.fromkeys(('license?', 'origin?', 'init_from?'), str)
# What a run or a converted model leaves in its folder beside its config.
_TRACES = ('checkpoints', 'metrics.jsonl')


@dataclasses.dataclass(frozen=True, eq=False)
class PretrainedModel:
    """A model on disk.

    Attributes:
        model, tokenizer: their configs.
        params, extra: numpy parameters and untrained collections of the model; empty if only
            described.
        provenance: kind, source, licence: JSON.
        trained_tokens: tokens of the longest rows of any training that led to these parameters;
            None where it is unknown, as of published weights.
        heads: numpy parameters of the heads of a run's tasks, by task; empty for a converted model.
        path: where it was read from.
        row_tokens: tokens of the longest rows of this run's own tasks; 0 for a converted model.
        train: what the run trained; the checkpoints of a run that froze its model lack that.
        init_from: the model that the run started from; '' for none.
    """

    model: models.ModelConfig
    tokenizer: tokenizers.TokenizerConfigBase
    params: dict[str, Any]
    extra: dict[str, Any]
    provenance: dict[str, Any]
    trained_tokens: int | None = None
    row_tokens: int = 0
    heads: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    path: pathlib.Path | None = None
    train: trainable.TrainConfig = trainable.FullTraining()
    init_from: str = ''


@dataclasses.dataclass(frozen=True)
class _ModelFields:
    """The fields of a run's config that describe its model."""

    model: models.ModelConfig
    tokenizer: tokenizers.TokenizerConfigBase = tokenizers.TokenizerConfig()
    init_from: str = ''
    optim: optimizers.OptimConfig = optimizers.OptimConfig()


def is_run(path: str | os.PathLike) -> bool:
    """Whether a directory is the workdir of a run: its config.json is ours."""
    path = stores.local(path) / 'config.json'
    return path.is_file() and {'model', 'tasks', 'steps'} <= json_files.read(path).keys()


def run_config(workdir: str | os.PathLike) -> dict[str, Any]:
    """The config of a run as its `config.json` holds it, the tokenizer's file as an absolute path.

    Raises:
        UsageError: the directory is not the workdir of a run.
        DamageError: its config.json is damaged.
    """
    path = stores.local(workdir) / 'config.json'
    if not path.is_file():
        raise errors.UsageError(f'{workdir} is not the workdir of a run: it has no config.json')
    values = json_files.read_hashed(path, required=False)
    if not {'model', 'tokenizer', 'tasks'} <= values.keys():
        if 'objective' not in values:
            _refuse_damaged(path.parent)
        old = ' (it is of an earlier version of genojax)' if 'objective' in values else ''
        raise errors.UsageError(f'{workdir} is not the workdir of a run{old}')
    fields = {'model': dict, 'tokenizer': {'kind?': str, 'file?': str}, 'tasks': dict}
    json_files.check(values, str(path), fields=fields)
    _drop_obsolete(values)
    values['tokenizer'] = tokenizers.with_absolute_file(values['tokenizer'], path.parent)
    return values


@contextlib.contextmanager
def naming_absent_packages(workdir: pathlib.Path) -> Iterator[None]:
    """Within the block, a config of a run that needs a package that is absent says which.

    Raises:
        UsageError: as in the block, with the packages that the run recorded.
    """
    try:
        yield
    except errors.UsageError as error:
        record = _record(workdir)
        absent = plugins.absent(record.get('plugins', {}))
        if not absent:
            raise
        kinds = ', '.join(f'{kind!r} of {package}' for kind, package in absent.items())
        packages = ' '.join(sorted({package.replace(' ', '==') for package in absent.values()}))
        raise errors.UsageError(
            f'{workdir} needs packages that are not installed: {kinds}. '
            f'Fix: pip install {packages}, or from their source'
        ) from error


def _record(workdir: pathlib.Path) -> dict[str, Any]:
    """The content of run.json; {} if there is none, as of earlier versions.

    Raises:
        DamageError: it is damaged.
    """
    path = workdir / RECORD_FILE
    if not path.is_file():
        return {}
    return json_files.read_hashed(path, required=False, fields=_RECORD)


def _drop_obsolete(values: dict[str, Any]) -> None:
    """Removes fields of earlier versions that have the one value that there is now."""
    for path, value in _OBSOLETE.items():
        *parents, last = path.split('.')
        part = values
        for name in parents:
            part = part.get(name, {}) if isinstance(part, dict) else {}
        if isinstance(part, dict) and part.get(last) == value:
            del part[last]


def describe(path: str | os.PathLike) -> PretrainedModel:
    """What `read` returns, without parameters.

    Raises:
        UsageError: `path` is neither a run's workdir nor a converted model.
        DamageError: its description is damaged.
    """
    path = stores.local(path)
    if store.is_converted(path):
        stored = store.describe(path)
        provenance = {**stored.provenance, 'license': stored.license}
        trained = provenance.get('trained_tokens')  # of weights that a run of genojax exported
        return PretrainedModel(
            stored.config, stored.tokenizer, {}, {}, provenance, trained_tokens=trained, path=path
        )
    if not is_run(path):
        _refuse_damaged(path)
        if (path / 'run.lock').exists():  # made before the step is compiled
            raise errors.UsageError(
                f'{path} was stopped before step 1, or is not there yet; the same command continues'
            )
        fix = 'genojax demo --small or genojax train makes one'
        if files.holds_weights(path):
            new = errors.new_name(path.with_suffix(''))
            fix = f'genojax convert {shlex.quote(str(path))} {new} reads its weights; name {new}'
        problem = f'{path} is neither the workdir of a run nor a converted model'
        raise errors.UsageError(f'{problem}. Fix: {fix}')
    values = run_config(path)
    names = [field.name for field in dataclasses.fields(_ModelFields)]
    with naming_absent_packages(path):
        fields = config.from_dict(
            _ModelFields, {name: values[name] for name in names if name in values}
        )
    provenance = {'kind': fields.model.kind, 'source': str(path), 'license': 'unknown'}
    provenance['origin'] = f'trained by genojax from random values ({path.resolve().name})'
    if fields.init_from:
        provenance |= _license_of_run(path, pathlib.Path(fields.init_from))
        before = provenance.get('origin', 'unknown')
        provenance['origin'] = f'trained by genojax ({path.resolve().name}) from: {before}'
    if fields.model.has_lm_head and not _record(path).get('plugins'):  # which may train it
        kinds = {task.get('kind', '') for task in values['tasks'].values()}
        frozen = fields.optim.train.kind == 'probe'
        provenance |= likelihood.head_note(str(path), fields.init_from, kinds, frozen)
    run = {'train': fields.optim.train, 'init_from': fields.init_from, **_lengths(path)}
    return PretrainedModel(fields.model, fields.tokenizer, {}, {}, provenance, path=path, **run)


def _refuse_damaged(path: pathlib.Path) -> None:
    """Raises DamageError for a folder of a run or a converted model whose description is lost."""
    trace = next((name for name in _TRACES if (path / name).exists()), None)
    if trace is None:
        return
    config_path = path / 'config.json'
    values = json_files.read(config_path) if config_path.is_file() else {}
    if 'objective' in values:  # of an earlier version of genojax
        return
    lost = 'neither the config.json of a run nor the model.json of a converted model'
    if config_path.is_file():
        absent = sorted({'model', 'steps', 'tasks', 'tokenizer'} - values.keys())
        lost = f'a config.json without {" or ".join(absent)}'
    raise errors.DamageError(f'{path} holds {trace}, but {lost}. Fix: restore the file')


def _lengths(workdir: pathlib.Path) -> dict[str, Any]:
    """`trained_tokens` and `row_tokens` of a run; a run of an earlier version has neither."""
    record = _record(workdir).get('rows', {})
    return {
        'trained_tokens': record.get('trained_tokens'),
        'row_tokens': max(record.get('tokens', {}).values(), default=0),
    }


def row_record(tokens: Mapping[str, int], init_from: str) -> dict[str, Any]:
    """What a run keeps in run.json of the rows it trains on.

    Args:
        tokens: of the rows of each task.
        init_from: the run or converted model whose parameters it starts from; '' for none.

    Returns:
        `tokens`, and `trained_tokens`: the longest rows of this training or of one before it, None
        where that is unknown.
    """
    longest = max(tokens.values())
    if init_from:
        before = describe(init_from).trained_tokens
        longest = None if before is None else max(longest, before)
    return {'tokens': dict(tokens), 'trained_tokens': longest}


def _license_of_run(workdir: pathlib.Path, source: pathlib.Path) -> dict[str, Any]:
    """Licence and origin of the weights a run started from; kept in the run if they are gone."""
    if (workdir / LICENSE_FILE).is_file():
        return json_files.read_hashed(workdir / LICENSE_FILE, required=False, fields=_LICENSE)
    return license_of(source)


def license_of(source: pathlib.Path) -> dict[str, Any]:
    """Source, licence and origin of weights; the licence of a source that is gone is unknown."""
    record = {'init_from': str(source)}
    if not (store.is_converted(source) or is_run(source)):
        gone = f'unknown: {source}, the source of the weights, does not exist'
        return record | {'license': gone, 'origin': 'unknown'}
    provenance = describe(source).provenance
    return record | {name: provenance[name] for name in ('license', 'origin') if name in provenance}


def save_license(source: pathlib.Path, workdir: pathlib.Path) -> None:
    """Records in a workdir the licence and origin of the weights that it starts from."""
    json_files.write_hashed(workdir / LICENSE_FILE, license_of(source))


def read(path: str | os.PathLike, fallback: bool = False, last: bool = False) -> PretrainedModel:
    """The model of a run's workdir (its best or `last` checkpoint) or of a converted directory.

    Args:
        fallback: use the best whole checkpoint of a run if others are damaged; those that are left
            out are in `provenance['left_out']`, step -> problem.

    Raises:
        UsageError: `path` is neither, or the run has no finished checkpoint.
        DamageError: a file differs from what was written.
    """
    path = stores.local(path)
    described = describe(path)
    if store.is_converted(path):
        stored = store.read(path)
        return dataclasses.replace(described, params=stored.params, extra=stored.extra)
    if not (path / 'checkpoints').is_dir():
        raise _no_checkpoint(path)
    checkpoints = checkpoint.Checkpoints(path / 'checkpoints', read_only=True, fallback=fallback)
    step = checkpoints.latest() if last else checkpoints.best()
    if step is None:
        raise _no_checkpoint(path)
    state, data = checkpoints.restore_raw(step), checkpoints.data(step)
    checkpoints.close()
    params, record = state['params'], {'step': step}
    if checkpoints.damaged:
        record['left_out'] = {str(number): why for number, why in checkpoints.damaged.items()}
    if described.train.freezes:
        model, base = _on_its_base(described, params, data['base'], fallback)
        record['base'] = base
    else:
        model = params['model']
    return dataclasses.replace(
        described,
        params=model,
        extra=state.get('extra', {}),
        heads=params.get('heads', {}),
        provenance={**described.provenance, **record},
    )


def _no_checkpoint(workdir: pathlib.Path) -> errors.GenojaxError:
    """The error for a run without a checkpoint: damage, if its record says that it had one."""
    if 'first_checkpoint' in _record(workdir):
        return errors.DamageError(
            f'{workdir}/checkpoints holds no finished checkpoint, and the run has had some. '
            'Fix: restore the folder'
        )
    return errors.UsageError(f'{workdir} holds no finished checkpoint')


def _on_its_base(run: PretrainedModel, params, sha256: str, fallback: bool):
    """The parameters of the model under a run with trained ones merged into them, and its record.

    Args:
        params: of a checkpoint.
        sha256: of the model under it.
    """
    base = adapters.FrozenBase(run.path, run.init_from, read)
    model = base.read(sha256, fallback)
    return trainable.merge_on_host(run.train, params, model.params), base.record


def adopt(
    other: PretrainedModel,
    model: models.ModelConfig,
    tokenizer: tokenizers.TokenizerConfigBase,
    params: Any,
    extra: Any,
) -> tuple[Any, Any]:
    """Another model's parameters and collections in place of ours.

    Args:
        other: of `read`.
        model, tokenizer: our configs.
        params, extra: ours, on their devices; the result has their shardings and dtypes.

    Raises:
        UsageError: it is another model, or a parameter is missing, left over or of another shape.
    """
    _check(other, model, tokenizer)
    new_extra = {
        name: _in_place_of(other, other.extra.get(name, {}), tree) for name, tree in extra.items()
    }
    return _in_place_of(other, other.params, params), new_extra


def check_source(
    source: pathlib.Path, model: models.ModelConfig, tokenizer: tokenizers.TokenizerConfigBase
) -> None:
    """Refuses parameters of another tokenizer or other positions, even if all shapes agree.

    Args:
        source: another run's workdir, or a converted model.
        model, tokenizer: our configs.

    Raises:
        UsageError: there is no model, or its parameters do not mean what ours do.
    """
    _check(describe(source), model, tokenizer)


def _check(
    other: PretrainedModel, model: models.ModelConfig, tokenizer: tokenizers.TokenizerConfig
) -> None:
    wrong = config.differences(tokenizers.identity(other.tokenizer), tokenizers.identity(tokenizer))
    before, after = other.model.parameter_meaning(), model.parameter_meaning()
    for name in before | after:
        if before.get(name) != after.get(name):
            wrong.append(f'model.{name}: {before.get(name)!r} -> {after.get(name)!r}')
    if wrong:
        title = f'init_from={other.path} holds another model (its value -> this run):'
        raise errors.UsageError('\n  '.join([title, *wrong]))


def _in_place_of(other: PretrainedModel, values, leaves):
    wrong = config.differences(_shapes(values), _shapes(leaves))
    if wrong:
        title = f'init_from={other.path} holds another model (its shape -> this run):'
        raise errors.UsageError('\n  '.join([title, *itertools.islice(wrong, 10)]))
    return jax.tree.map(
        lambda leaf, value: jax.device_put(np.asarray(value, leaf.dtype), leaf.sharding),
        leaves,
        values,
    )


def _shapes(tree) -> dict[str, tuple[int, ...]]:
    """Path -> shape of every parameter."""
    return {
        '/'.join(str(step.key) for step in path): tuple(leaf.shape)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
