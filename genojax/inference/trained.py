"""Models that exist: the config and the variables of a run's workdir or of a converted directory, opened again.

Runs start from them (`init_from`), and verbs that only use a model need no run to be opened.
"""

import dataclasses
import itertools
import json
import os
import pathlib
from typing import NamedTuple

import jax
import numpy as np

from genojax import checkpoint, config, errors, models, tokenizers
from genojax import experiment as recipes
from genojax.convert import store


def read_config(workdir: pathlib.Path) -> recipes.Experiment:
    """The config that a workdir was made with.

    Raises:
        UsageError: it is not a workdir.
    """
    path = pathlib.Path(workdir) / 'config.json'
    if not path.is_file():
        raise errors.UsageError(f'{workdir} is not the workdir of a run: it has no config.json')
    values = read_json(path)
    values['tokenizer'] = tokenizers.with_absolute_file(values['tokenizer'], path.parent)
    return recipes.from_config(values)


def stored(recipe: recipes.Experiment) -> dict:
    """A recipe as `config.json` holds it: a tokenizer's file is the copy beside it, named by what it holds."""
    settled = dataclasses.replace(recipe, tokenizer=tokenizers.with_sha256(recipe.tokenizer))
    values = config.to_dict(settled)
    return {**values, 'tokenizer': tokenizers.with_relative_file(values['tokenizer'])}


def read_json(path: pathlib.Path):
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise errors.DamageError(f'{path} is not JSON: {error}') from error


class Opened(NamedTuple):
    """A model ready to use: its config, its tokenizer, its numpy variables and where they come from (JSON)."""

    model: models.ModelConfig
    tokenizer: tokenizers.TokenizerConfig
    params: dict
    extra: dict
    provenance: dict


def describe(path: str | os.PathLike) -> Opened:
    """What `open_model` gives, without the variables, which are left empty.

    Raises:
        UsageError: `path` is neither a run's workdir nor a converted model.
        DamageError: its description is not what was written.
    """
    path = pathlib.Path(path)
    if store.is_converted(path):
        found = store.describe(path)
        told = {**found.provenance, 'license': found.license}
        return Opened(found.config, found.tokenizer, {}, {}, told)
    if not is_run(path):
        raise errors.UsageError(f'{path} is neither the workdir of a run nor a converted model')
    recipe = read_config(path)
    told = {'kind': recipe.model.kind, 'source': str(path)}
    if recipe.init_from:
        told |= _inherited(path, pathlib.Path(recipe.init_from))
    return Opened(recipe.model, recipe.tokenizer, {}, {}, told)


def is_run(path: str | os.PathLike) -> bool:
    """Whether a directory is the workdir of a run, not somebody else's config.json."""
    path = pathlib.Path(path) / 'config.json'
    return path.is_file() and {'model', 'objective', 'steps'} <= read_json(path).keys()


RIGHTS = (
    'init_from.json'  # in the workdir of a run that starts from other weights: what it owes to them
)


def _inherited(workdir: pathlib.Path, source: pathlib.Path) -> dict:
    """What a run that starts from other weights owes to them: their licence goes with it, and stays when they are gone."""
    if (workdir / RIGHTS).is_file():
        return read_json(workdir / RIGHTS)
    return inherited(source)


def inherited(source: pathlib.Path) -> dict:
    """The source, its licence and origin, where it has them; a source that is gone has a licence that nobody knows."""
    told = {'init_from': str(source)}
    if not (store.is_converted(source) or is_run(source)):
        return told | {'license': f'unknown: {source}, where the weights are from, is not there'}
    rights = describe(source).provenance
    return told | {name: rights[name] for name in ('license', 'origin') if name in rights}


def open_model(path: str | os.PathLike) -> Opened:
    """The model of a run's workdir (its best checkpoint) or of a converted directory; a task's head is left out.

    Raises:
        UsageError: `path` is neither, or the run has no finished checkpoint.
        DamageError: a file is not what was written.
    """
    path = pathlib.Path(path)
    found = describe(path)
    if store.is_converted(path):
        whole = store.read(path)
        return found._replace(params=whole.params, extra=whole.extra)
    if not (path / 'checkpoints').is_dir():
        raise errors.UsageError(f'{path} holds no finished checkpoint')
    checkpoints = checkpoint.Checkpoints(path / 'checkpoints', read_only=True)
    step = checkpoints.best()
    if step is None:
        raise errors.UsageError(f'{path} holds no finished checkpoint')
    state = checkpoints.restore_raw(step)
    checkpoints.close()
    return found._replace(
        params=_model_part(state['params']),
        extra={name: _model_part(tree) for name, tree in state.get('extra', {}).items()},
        provenance={**found.provenance, 'step': step},
    )


def _model_part(tree):
    """The model's share of an objective's variables: those without a task's head are all the model's."""
    return tree.get('model', tree)


def _refuse_other_model(source: pathlib.Path, recipe: recipes.Experiment) -> None:
    """Parameters mean nothing under another tokenizer or other positions, though their shapes agree."""
    found = describe(source)
    wrong = config.differences(
        tokenizers.identity(found.tokenizer), tokenizers.identity(recipe.tokenizer)
    )
    pair = (model.parameter_meaning() for model in (found.model, recipe.model))
    wrong += config.differences(*pair, path='model.')
    if wrong:
        title = f'init_from={source} holds another model (theirs -> ours):'
        raise errors.UsageError('\n  '.join([title, *wrong]))


def adopt(
    source: pathlib.Path, recipe: recipes.Experiment, state: recipes.TrainState
) -> recipes.TrainState:
    """A state with another model's variables in the place of ours; the task's head stays as it is.

    Args:
        source: another run's workdir, whose best checkpoint is read, or a converted model.
        state: ours, placed on its devices.

    Raises:
        UsageError: there is no model, or a variable is missing, left over or of another shape, or it is another model.
    """
    _refuse_other_model(source, recipe)
    found = open_model(source)
    extra = {
        name: _place(source, found.extra.get(name, {}), tree) for name, tree in state.extra.items()
    }
    return state.replace(params=_place(source, found.params, state.params), extra=extra)


def _place(source: pathlib.Path, theirs, ours):
    """`theirs` where `ours` lies, in its dtypes; beside a task's head if there is one."""
    mine = _model_part(ours)
    wrong = config.differences(_shapes(theirs), _shapes(mine))
    if wrong:
        title = f'init_from={source} holds another model (theirs -> ours):'
        raise errors.UsageError('\n  '.join([title, *itertools.islice(wrong, 10)]))
    adopted = jax.tree.map(
        lambda leaf, value: jax.device_put(np.asarray(value, leaf.dtype), leaf.sharding),
        mine,
        theirs,
    )
    return {**ours, 'model': adopted} if 'model' in ours else adopted


def _shapes(params) -> dict[str, tuple[int, ...]]:
    """Path -> shape of every parameter, flat, for comparing two trees."""
    return {
        '/'.join(str(step.key) for step in path): tuple(leaf.shape)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }
