"""Are the planted motifs found in a trained model, and none in one trained on shuffled labels?

python experiments/007_motifs/motifs.py --workdir=runs/motifs --seeds=3

Samples the promoter task of the simulated clade, trains a small DNABERT on it and the same network
on shuffled labels, and finds motifs by attribution and by gradient ascent in both. Motifs are
matched to the planted ones among decoys: the other motifs of the simulator, and planted ones with
their columns shuffled. Writes results.json, results.csv and logos.png. What is done already is not
repeated.
"""

import argparse
import json
import pathlib
import time

import numpy as np
from matplotlib import figure

from genojax import dna, experiment, metrics, simulate
from genojax.cli import flags
from genojax.inference import prediction
from genojax.interpret import attribution, outputs, plot_logo
from genojax.interpret.motifs import ascent, discovery, meme, tomtom
from genojax.pipeline.demo import interpretation
from genojax.predict import loading
from genojax.simulate import clade
from genojax.simulate import grammar as grammars
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
METHODS = ('attribution', 'ascent')
SEQUENCES, Q_VALUE = 400, 0.05
TASK = 'promoters'
SETTINGS = {'steps': '400', 'validate_every': '100', 'save_every': '400'}
ROWS = 5_500
SPLITS = (0.65, 0.1)  # of the rows: train, validation; the rest are test rows


def sample(path: pathlib.Path, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Writes the task, and the same with shuffled labels.

    Returns:
        The test rows, whether they are promoters, and the AUROC of the exact likelihood ratio.
    """
    settings = simulate.SimulationConfig(seed=seed, task_rows=ROWS)
    codes_NL, label_N, ratio_N = clade.sample_task(settings, grammars.DEFAULT)
    rng = np.random.default_rng(seed)
    edges = np.cumsum(np.array(SPLITS) * ROWS).astype(int)
    split = np.repeat(['train', 'validation', 'test'], np.diff([0, *edges, ROWS]))
    for name, labels in (('labels', label_N), ('shuffled', rng.permutation(label_N))):
        lines = ['sequence\tlabel\tsplit']
        texts = map(dna.decode, codes_NL)
        for row in zip(texts, labels.tolist(), split.tolist(), strict=True):
            lines.append('\t'.join(map(str, row)))
        (path / f'{name}.tsv').write_text('\n'.join(lines) + '\n')
    test = split == 'test'
    ceiling = metrics.auroc(label_N[test] == 1, ratio_N[test])
    return codes_NL[test], label_N[test] == 1, float(ceiling)


def train(table: pathlib.Path, folder: pathlib.Path, seed: int) -> None:
    values = flags.load('demo_promoters')
    more = {f'tasks.{TASK}.data.path': str(table), 'seed': str(seed)}
    for name, text in {**SETTINGS, **more}.items():
        flags.override(values, name, text)
    run = runs.open_run(experiment.from_config(values), folder)
    loop.train(run)
    run.close()


def seqlet_inputs(method: str, run: pathlib.Path, sequences, seed: int) -> tuple:
    """Sequences, the number per base whose windows are seqlets, and the numbers of every base."""
    model = loading.load(run)
    head = outputs.select(model, TASK)
    if method == 'ascent':
        names = 'free_codes_L', 'bits_L', 'heights_L4'
        results = ascent.ascend(model, head, sequences, ascent.AscentConfig(seed=seed))
    else:
        names = 'codes_L', 'values_L', 'bases_L4'
        results = attribution.integrated_gradients(
            model, head, sequences, backgrounds=3, steps=6, seed=seed, every_base=True
        )
    return tuple([getattr(result, name) for result in results] for name in names)


def auroc(run: pathlib.Path, codes_NL: np.ndarray, label_N: np.ndarray) -> float:
    """Of the model on the test rows."""
    model = loading.load(run)
    predicted = prediction.predict(model, outputs.select(model, TASK), list(codes_NL))
    return float(metrics.auroc(label_N, predicted.values[:, 0]))


def compare(found: list[meme.MotifMatrix], seed: int) -> dict:
    """Planted motifs that are the best match of a report, and reports that match none of them."""
    planted, known = interpretation.known_motifs(seed)
    best = {motif.name: tomtom.matches(motif, known)[0] for motif in found}
    good = {name: m for name, m in best.items() if m.q_value < Q_VALUE and m.target in planted}
    recovered = sorted({match.target for match in good.values()})
    return {
        'planted': len(planted),
        'recovered': recovered,
        'missing': sorted(set(planted) - set(recovered)),
        'reports': len(found),
        'unplanted': sorted(set(best) - set(good)),
        'matches': {name: [m.target, m.q_value] for name, m in best.items()},
    }


def run_seed(folder: pathlib.Path, seed: int) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    codes_NL, label_N, ceiling = sample(folder, seed)
    for name in ('labels', 'shuffled'):
        train(folder / f'{name}.tsv', folder / name, seed)
    result: dict = {'auroc': auroc(folder / 'labels', codes_NL, label_N), 'ceiling': ceiling}
    sequences = list(codes_NL[label_N][:SEQUENCES])
    for method in METHODS:
        started = time.process_time()
        config = discovery.MotifConfig(seed=seed)
        least = ascent.SEQLET_BITS * config.core if method == 'ascent' else None
        codes, values, bases = seqlet_inputs(method, folder / 'labels', sequences, seed)
        seqlets = discovery.find_seqlets(codes, values, config, least, bases)
        found = discovery.cluster(seqlets, config)
        if found:
            meme.write(folder / f'{method}.meme', found)
        codes, values, bases = seqlet_inputs(method, folder / 'shuffled', sequences, seed)
        control = discovery.find_seqlets(codes, values, config, seqlets.threshold, bases)
        result[method] = {
            **compare(found, seed),
            'seqlets': seqlets.total,
            'control_seqlets': control.total,
            'control_motifs': len(discovery.cluster(control, config)),
            'cpu_seconds': round(time.process_time() - started),
        }
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


COLUMNS = (
    'method', 'seed', 'planted', 'recovered', 'missing', 'reports', 'unplanted', 'seqlets',
    'control_seqlets', 'control_motifs', 'auroc', 'ceiling', 'cpu_seconds',
)  # fmt: skip


def csv_rows(results: dict[int, dict]) -> list[list]:
    rows = []
    for method in METHODS:
        for seed, both in results.items():
            one = both[method]
            rows.append(
                [method, seed, one['planted'], len(one['recovered']), ' '.join(one['missing'])]
                + [one['reports'], len(one['unplanted']), one['seqlets'], one['control_seqlets']]
                + [one['control_motifs'], f'{both["auroc"]:.4f}', f'{both["ceiling"]:.4f}']
                + [one['cpu_seconds']]
            )
    return rows


def draw(folder: pathlib.Path, seed: int, path: pathlib.Path) -> None:
    """Logos: each planted motif beside the motif of each method that resembles it most."""
    planted, known = interpretation.known_motifs(seed)
    files = {method: folder / f'{method}.meme' for method in METHODS}
    found = {name: meme.read(path) if path.exists() else [] for name, path in files.items()}
    fig = figure.Figure(figsize=(9, 1.1 * len(planted)), layout='constrained')
    grid = fig.subplots(len(planted), 1 + len(METHODS), squeeze=False)
    for row, name in zip(grid, planted, strict=True):
        truth = next(motif for motif in known if motif.name == name)
        plot_logo.draw(row[0], plot_logo.information(truth.p_W4))
        row[0].set_ylabel(name, fontsize=8)
        for axes, method in zip(row[1:], METHODS, strict=True):
            matched = [(tomtom.matches(one, known)[0], one) for one in found[method]]
            matched = [pair for pair in matched if pair[0].target == name]
            if matched:
                match, motif = min(matched, key=lambda pair: pair[0].p_value)
                shown = motif if match.strand == '+' else motif.reverse_complement()
                plot_logo.draw(axes, plot_logo.information(shown.p_W4))
        for axes in row:
            axes.set_ylim(0, 2)
            axes.set_xticks([])
    for axes, title in zip(grid[0], ('planted', *METHODS), strict=True):
        axes.set_title(title, fontsize=9)
    fig.savefig(path, dpi=100)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    results = {
        seed: run_seed(options.workdir / f'seed{seed}', seed) for seed in range(options.seeds)
    }
    (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    rows = [list(COLUMNS), *csv_rows(results)]
    with open(options.out / 'results.csv', 'w') as file:
        file.writelines(','.join(map(str, row)) + '\n' for row in rows)
    draw(options.workdir / 'seed0', 0, options.out / 'logos.png')
    for row in rows:
        print('| ' + ' | '.join(map(str, row)) + ' |')


if __name__ == '__main__':
    main()
