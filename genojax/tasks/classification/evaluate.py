"""A classification task's test part: a model beside the baselines and, where it is known, the ceiling."""

import jax
import numpy as np

from genojax import errors, metrics
from genojax import experiment as recipes
from genojax.data.datasets import labels
from genojax.tasks.classification import baselines
from genojax.train import runs

# The column of a simulated task that holds the generator's own log likelihood ratio.
TRUTH = 'log_likelihood_ratio'


def scores(run: runs.Run, state: recipes.TrainState, part: str = 'test') -> np.ndarray:
    """The model's score of every row of a part, in order: log odds of class 1 against class 0."""
    if run.recipe.objective.classes != 2:
        raise errors.UsageError(
            f'scores compare two classes; this task has {run.recipe.objective.classes}'
        )
    call = jax.jit(run.objective.logits)
    found = []
    for batch in run.feed.part(part):
        with jax.set_mesh(run.mesh):  # `attend` looks at it to split a sequence
            logits_BC = np.asarray(call(state.params, state.extra, run.put(batch)))
        real = batch['weight'] > 0
        found.append((logits_BC[:, 1] - logits_BC[:, 0])[real])
    return np.concatenate(found)


def baseline_scores(task: labels.Task, seed: int = 0) -> dict[str, baselines.Baseline]:
    """The baselines, tuned and fitted on the train and valid rows, as the models may be."""
    fit = np.sort(np.concatenate([task.rows('train'), task.rows('validation')]))
    sequences = task.labelled.sequences
    return baselines.fit_all(
        [sequences[row] for row in fit.tolist()],
        task.labelled.labels[fit],
        [sequences[row] for row in task.rows('test').tolist()],
        groups=task.split.groups[fit],
        seed=seed,
    )


def compare(
    task: labels.Task,
    models: dict[str, np.ndarray],
    fitted: dict[str, baselines.Baseline],
    lead: str,
    seed: int = 0,
) -> dict:
    """The table of a task: AUROC and average precision of every model with intervals, and the lead's paired differences.

    Args:
        models: test scores by name.
        fitted: the baselines.
        lead: the model whose differences to all others are given.
    """
    truth = task.labelled.labels[task.rows('test')]
    # Rows that share sequence are drawn together: they are not independent.
    groups = task.split.groups[task.rows('test')]
    table = {name: _figures(truth, found, groups, seed) for name, found in models.items()}
    for name, baseline in fitted.items():
        table[name] = {**_figures(truth, baseline.scores, groups, seed), **baseline.summary()}
    ceiling = None
    if TRUTH in task.labelled.extra:
        ceiling = _figures(truth, task.labelled.extra[TRUTH][task.rows('test')], groups, seed)
    every = {**models, **{name: baseline.scores for name, baseline in fitted.items()}}
    differences = {
        name: list(
            metrics.paired_difference(
                metrics.auroc,
                truth,
                every[lead],
                found,
                seed=seed,
                stratified=False,
                clusters=groups,
            )
        )
        for name, found in every.items()
        if name != lead
    }
    return {
        'models': table,
        'ceiling': ceiling,
        'differences': differences,
        'n_train': len(task.rows('train')) + len(task.rows('validation')),
        'n_test': len(truth),
        'test_groups': len(np.unique(groups)),
        'audit': {'removed': task.removed, 'split': task.split.report},
    }


def _figures(truth: np.ndarray, found: np.ndarray, groups: np.ndarray, seed: int) -> dict:
    options = {'seed': seed, 'stratified': False, 'clusters': groups}
    fpr, tpr = metrics.roc_curve(truth, found)[:2]
    return {
        'auroc': list(metrics.bootstrap_interval(metrics.auroc, truth, found, **options)),
        'auprc': list(metrics.bootstrap_interval(metrics.auprc, truth, found, **options)),
        'roc': {'fpr': np.round(fpr, 5).tolist(), 'tpr': np.round(tpr, 5).tolist()},
    }
