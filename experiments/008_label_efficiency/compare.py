"""How many labels does pretraining save? Five networks at five shares of the labels, and k-mers.

python experiments/008_label_efficiency/compare.py --demo=runs/demo --demo=runs/real \\
    --workdir=runs/label_efficiency

Each --demo is a finished run of `genojax demo`: its pretrained model, its labelled table and its
split. Writes results.json, results.csv and figure.png. What is in the workdir is not computed
again.

Every arm sees the same training rows in batches of the same size for the same number of steps, and
is scored after its last step: no labels select a checkpoint. The learning rate of an arm is the
better of two on the validation rows, after training on a tenth of the labels (seed 0). Test rows
are those of the demo, for every arm, share and seed.
"""

import argparse
import copy
import csv
import dataclasses
import functools
import json
import pathlib
import time

import figure
import jax
import numpy as np

from genojax import experiment as experiments
from genojax import metrics, optim
from genojax.cli import flags
from genojax.optim import trainable
from genojax.tasks.classification import baselines
from genojax.tasks.classification import evaluate as classification
from genojax.train import runs

HERE = pathlib.Path(__file__).parent
TASK = 'promoters'
SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
SEEDS = (0, 1, 2)
TUNING_SHARE = 0.1
STEPS = 480  # with all labels; fewer labels have the square root of their share
RESAMPLES = 500
BATCH = {'tasks.promoters.data.batch_size': '8'}
CNN = {
    'model.padding': 'same',
    'model.filters': '(75, 50, 50)',
    'model.hidden': '(128, 128)',
}
LORA = {'optim.train': 'lora', 'optim.train.pattern': 'attention|mlp'}
# Arm -> its config, fields, and learning rates to choose from; the arms in `PRETRAINED` start from
# the demo's language model, the others from random values.
ARMS = {
    'cnn': ('baselines:basset', CNN, (1e-3, 3e-3)),
    'scratch': ('demo_promoters', {}, (5e-4, 1e-3)),
    'probe': ('demo_promoters', {'optim.train': 'probe'}, (3e-3, 1e-2)),
    'lora': ('demo_promoters', LORA, (3e-3, 1e-2)),
    'full': ('demo_promoters', {}, (5e-4, 1e-3)),
}
PRETRAINED = ('probe', 'lora', 'full')
SCRATCH = 'scratch'


def steps_for(share: float) -> int:
    return round(STEPS * share**0.5)


class Arm:
    """One arm on one demo's data: its opened run, compiled once for all shares, seeds and rates."""

    def __init__(self, name: str, run: runs.Run):
        self.name, self.run = name, run
        self._step = compiled_step(run)
        self._starts: dict[int, experiments.TrainState] = {}

    def scores(self, share: float, seed: int, peak: float, split: str = 'test') -> np.ndarray:
        """Scores of a split's rows after training on a share of the training rows."""
        run, datasets = self._with_seed(seed), self.run.datasets[TASK]
        steps, fewer = steps_for(share), fewer_labels(datasets, share, seed)
        config = optim.OptimConfig(peak=peak, warmup=max(1, steps // 16))
        rates = [float(optim.schedule(config, steps)(number)) for number in range(steps)]
        state, stream = self._start(run), fewer.train()
        with jax.set_mesh(run.mesh):
            for rate in rates:
                batch = run.shard_batches({TASK: next(stream)})
                state = self._step(state, batch, run.key, rate)
        stream.close()
        return classification.scores(run.tasks[TASK], run.trained(state), datasets, split)

    def _with_seed(self, seed: int) -> runs.Run:
        experiment = dataclasses.replace(self.run.experiment, seed=seed)
        return dataclasses.replace(self.run, experiment=experiment)

    def _start(self, run: runs.Run) -> experiments.TrainState:
        """The state of step 0, which depends on the seed alone."""
        seed = run.experiment.seed
        if seed not in self._starts:
            self._starts[seed] = run.start()
        return self._starts[seed]


def compiled_step(run: runs.Run):
    """`step(state, batches, key, rate) -> state`, as a run's step but for the rate, an argument.

    So that one program serves all rates and numbers of steps.
    """
    train = run.experiment.optim.train
    unit = dataclasses.replace(run.experiment.optim, peak=1.0, warmup=0, decay='none')
    transform = optim.make(unit, 1)

    def step(state, batches, key, rate):
        def loss(params):
            composed = trainable.compose(train, params, state.frozen)
            key_of_step = jax.random.fold_in(key, state.step)
            return experiments.joint_loss(run.tasks, composed, state.extra, batches, key_of_step)

        grads, (extra, _) = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = transform.update(grads, state.opt_state, state.params)
        params = jax.tree.map(lambda p, u: p + rate * u, state.params, updates)
        changed = {'params': params, 'extra': extra, 'opt_state': opt_state}
        return state.replace(step=state.step + 1, **changed)

    return jax.jit(step)


def fewer_labels(datasets, share: float, seed: int):
    """The datasets with a share of the training rows of each class, at least four.

    Shares of one seed are nested, and rows that share sequence come together.
    """
    split = datasets.row_split
    rng = np.random.default_rng([seed, 8])
    order = rng.permutation(split.groups.max() + 1)[split.groups]
    chosen = []
    for label in np.unique(datasets.table.labels):
        rows = split.train[datasets.table.labels[split.train] == label]
        rows = rows[np.argsort(order[rows], kind='stable')]
        chosen.append(rows[: max(4, round(share * len(rows)))])
    fewer = copy.copy(datasets)
    fewer.row_split = dataclasses.replace(split, train=np.sort(np.concatenate(chosen)))
    fewer._order = dataclasses.replace(datasets._order, seed=seed)
    return fewer


def open_arm(name: str, demo: pathlib.Path, folder: pathlib.Path) -> Arm:
    config, overrides, _ = ARMS[name]
    values = flags.load(config)
    source = runs.read_experiment(demo / 'finetune').tasks[TASK].data
    data = {'path': source.path, 'exclude': source.exclude}
    fields = {f'tasks.{TASK}.data.{key}': text for key, text in data.items()}
    fields |= BATCH | overrides | ({} if name == 'cnn' else {'model.unroll': '1'})
    if name == 'cnn':
        fields['model.length'] = str(described(demo)['length'])
    if name in PRETRAINED:
        fields['init_from'] = str(demo / 'pretrain')
    flags.apply_overrides(values, fields)
    run = runs.open_run(experiments.from_config(values), folder / name)
    return Arm(name, run)


def described(demo: pathlib.Path) -> dict:
    return json.loads((demo / 'finetune' / 'datasets.json').read_text())[TASK]


def cached(path: pathlib.Path, compute) -> dict:
    """The JSON of a file; computed, timed and written if it is not there."""
    if not path.exists():
        started = time.process_time()
        value = compute() | {'cpu_seconds': round(time.process_time() - started, 2)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        print(path, value['cpu_seconds'], 's', flush=True)
    return json.loads(path.read_text())


def run_arm(arm: Arm, folder: pathlib.Path) -> dict:
    """The chosen learning rate, and the test scores of every share and seed."""
    data = arm.run.datasets[TASK]
    truth = data.table.labels[data.rows('validation')]

    def tune():
        peaks = ARMS[arm.name][2]
        scored = [arm.scores(TUNING_SHARE, 0, peak, 'validation') for peak in peaks]
        aurocs = [float(metrics.auroc(truth, scores)) for scores in scored]
        return {'peaks': peaks, 'auroc': aurocs, 'chosen': peaks[int(np.argmax(aurocs))]}

    tuning = cached(folder / f'{arm.name}.tuning.json', tune)
    rows, seconds = {}, tuning['cpu_seconds']
    for share in SHARES:
        for seed in SEEDS:
            path = folder / f'{arm.name}.{share}.{seed}.json'
            score = functools.partial(arm.scores, share, seed, tuning['chosen'])
            one = cached(path, lambda score=score: {'scores': score().tolist()})
            rows[share, seed] = np.array(one['scores'])
            seconds += one['cpu_seconds']
    size = trainable.count(arm.run.abstract.params)
    whole = experiments.count_parameters(arm.run.abstract)
    figures = {'tuning': tuning, 'trained': size, 'parameters': whole, 'cpu_seconds': seconds}
    return figures, rows


def fit_baselines(datasets, share: float, seed: int) -> dict[str, list[float]]:
    fewer = fewer_labels(datasets, share, seed)
    rows = fewer.rows('train')
    fitted = baselines.fit_all(
        fewer.sequences(rows),
        fewer.table.labels[rows],
        fewer.sequences(fewer.rows('test')),
        fewer.row_split.groups[rows],
        seed,
    )
    return {name: one.scores.tolist() for name, one in fitted.items()}


def run_baselines(datasets, folder: pathlib.Path) -> tuple[float, dict]:
    """Test scores of the tuned baselines by name, share and seed; they fit train rows alone."""
    result, seconds = {}, 0.0
    for share in SHARES:
        for seed in SEEDS if share < 1 else SEEDS[:1]:
            fit = functools.partial(fit_baselines, datasets, share, seed)
            one = cached(folder / f'baselines.{share}.{seed}.json', fit)
            seconds += one.pop('cpu_seconds')
            for name, scores in one.items():
                # With all labels, nothing but the folds depends on the seed.
                for same in SEEDS if share == 1 else (seed,):
                    result.setdefault(name, {})[share, same] = np.array(scores)
    return seconds, result


def run_one(name: str, demo: pathlib.Path, folder: pathlib.Path) -> None:
    """Computes what one arm, or 'baselines', leaves in the workdir."""
    arm = open_arm('scratch' if name == 'baselines' else name, demo, folder / f'runs_{name}')
    if name == 'baselines':
        run_baselines(arm.run.datasets[TASK], folder)
    else:
        run_arm(arm, folder)
    arm.run.close()


def run_demo(demo: pathlib.Path, folder: pathlib.Path) -> dict:
    """All figures of one demo's data."""
    every, arms, seconds = {}, {}, 0.0
    first = None
    for name in ARMS:
        arm = open_arm(name, demo, folder / 'runs')
        data = arm.run.datasets[TASK]
        first = data if first is None else first
        for split in ('train', 'validation', 'test'):  # the same rows, whatever the tokenizer
            np.testing.assert_array_equal(data.rows(split), first.rows(split))
        arms[name], every[name] = run_arm(arm, folder)
        seconds += arms[name]['cpu_seconds']
        arm.run.close()
    fit_seconds, fitted = run_baselines(first, folder)
    every |= fitted
    truth = first.table.labels[first.rows('test')]
    labels = {share: len(fewer_labels(first, share, 0).rows('train')) for share in SHARES}
    result = {
        'rows': {split: len(first.rows(split)) for split in ('train', 'validation', 'test')},
        'labels': [labels[share] for share in SHARES],
        'steps': [steps_for(share) for share in SHARES],
        'arms': arms,
        'auroc': {name: table(truth, rows) for name, rows in every.items()},
        'ceiling': ceiling(first, truth),
        'equality': equality(truth, every, labels),
        'audit': {
            'rows_sharing_sequence_with_train': first.row_split.report['rows_related_to_train'],
            'in_genomes': {k: v for k, v in first.removed.items() if k != 'removed'},
            'removed': len(first.removed.get('removed', ())),
            'pretraining': described(demo)['audit']['removed'],
        },
        'cpu_seconds': round(seconds + fit_seconds, 1),
    }
    result['audit']['pretraining'].pop('removed', None)
    return result


def table(truth: np.ndarray, rows: dict) -> list[list[float]]:
    """AUROC [share][seed]."""
    return [[float(metrics.auroc(truth, rows[share, seed])) for seed in SEEDS] for share in SHARES]


def ceiling(datasets, truth: np.ndarray) -> float | None:
    """AUROC of the simulator's own likelihood ratio; None for real rows."""
    if classification.TRUTH not in datasets.table.extra:
        return None
    best = datasets.table.extra[classification.TRUTH][datasets.rows('test')]
    return float(metrics.auroc(truth, best))


def equality(truth: np.ndarray, every: dict, labels: dict) -> dict:
    """Share of the labels at which a model equals the network from scratch with all of them.

    On the line through the means over seeds, against the logarithm of the share: the first point
    at or above. Intervals: resampled test rows of each class, the same for all models.
    """
    rng = np.random.default_rng(0)
    weights = np.zeros((RESAMPLES + 1, len(truth)))
    weights[0] = 1
    for label in (0, 1):
        rows = np.flatnonzero(truth == label)
        counts = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
        weights[1:, rows] = counts
    means = {
        name: np.array(
            [
                np.mean([metrics.auroc(truth, rows[s, seed], weights) for seed in SEEDS], 0)
                for s in SHARES
            ]
        )
        for name, rows in every.items()
    }
    result = {}
    for name, curves in means.items():
        if name == SCRATCH:
            continue
        shares = [crossing(curves[:, w], means[SCRATCH][-1, w]) for w in range(RESAMPLES + 1)]
        gains = curves - means[SCRATCH]
        low, high = (np.quantile(shares[1:], q, method='nearest') for q in (0.025, 0.975))
        result[name] = {
            'share': finite(shares[0]),
            'interval': [finite(low), finite(high)],
            'reached': float(np.mean(np.isfinite(shares[1:]))),
            'gain': [
                [float(row[0]), *(float(np.quantile(row[1:], q)) for q in (0.025, 0.975))]
                for row in gains
            ],
        }
    return result


def finite(share: float) -> float | None:
    return float(share) if np.isfinite(share) else None


def crossing(curve: np.ndarray, target: float) -> float:
    """The first share at which a curve reaches a target; infinity if it does not."""
    x = np.log(SHARES)
    for i, value in enumerate(curve):
        if value >= target:
            if i == 0:
                return SHARES[0]
            part = (target - curve[i - 1]) / (value - curve[i - 1])
            return float(np.exp(x[i - 1] + part * (x[i] - x[i - 1])))
    return float('inf')


def write_csv(path: pathlib.Path, results: dict) -> None:
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['data', 'model', 'share', 'labels', 'steps', 'seed', 'auroc'])
        for name, result in results.items():
            for model, rows in result['auroc'].items():
                for i, share in enumerate(SHARES):
                    for seed, auroc in zip(SEEDS, rows[i], strict=True):
                        head = [name, model, share, result['labels'][i], result['steps'][i]]
                        writer.writerow([*head, seed, f'{auroc:.4f}'])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--demo', type=pathlib.Path, action='append', required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    parser.add_argument(
        '--only',
        choices=(*ARMS, 'baselines'),
        help='compute this arm alone and write no results, so that several run side by side',
    )
    options = parser.parse_args(arguments)
    if options.only:
        for demo in options.demo:
            run_one(options.only, demo, options.workdir / demo.name)
        return
    results = {demo.name: run_demo(demo, options.workdir / demo.name) for demo in options.demo}
    (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    write_csv(options.out / 'results.csv', results)
    figure.draw(results, options.out / 'figure.png')
    for name, result in results.items():
        print(figure.as_text(name, result))


if __name__ == '__main__':
    main()
