"""Two genomes of human size from FASTA to batches: CPU time and memory of every step, and recall.

    PYTHONPATH=. python experiments/benchmarks/human_size.py --folder DIR [--scale 0.1]
        [--only check,split] [--keep] [--out FILE]

Simulates the genomes of `human_genomes` (31 GB of disk for scale 1) and runs, each as a process of
its own: `genojax check`, `genojax ingest`, the start of a first run (shards unpacked, homology,
split, audit), the start of a second run, the loader beside that of genomes of 1 Mb, and two
comparisons of the homology that was stored with what is true. CPU time and the largest resident
set are those of the process; the resident set includes pages of mapped files. Prints one JSON line
per step and writes all to results/human_size.json; the folder is removed unless `--keep`.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import measure
import numpy as np

HERE = pathlib.Path(__file__).resolve()
RESULTS = HERE.parent / 'results'
STEPS = ('simulate', 'check', 'ingest', 'first', 'second', 'loader', 'recall', 'removals')
LENGTH, ROWS = 512, 128  # bases per window, windows per batch
_LOADER_SECONDS, _LOADER_ROUNDS = 10.0, 4
_SMALL = 1 / 3_100  # scale of the genomes that the loader is compared with


def simulate(folder: pathlib.Path, scale: float) -> dict:
    """Writes the genomes."""
    import human_genomes

    truth = human_genomes.Simulator(folder / 'genomes', scale).write()
    return {'planted': len(truth.planted), 'segments': len(truth.maps)}


def open_datasets(folder: pathlib.Path, shards: str = 'shards'):
    """The datasets of a run, as `genojax train` opens them."""
    from genojax.data.datasets import mixture
    from genojax.tasks.masked_lm import dataset
    from genojax.tokenizers import nucleotide

    config = dataset.GenomesDataConfig(
        shards=str(folder / shards), mixture=mixture.MixtureConfig(length=LENGTH, batch_size=ROWS)
    )
    workdir = folder / 'run'
    workdir.mkdir(exist_ok=True)
    return dataset.MaskedLmDatasets(config, 0, nucleotide.NucleotideTokenizer(), workdir)


def start(folder: pathlib.Path, scale: float) -> dict:
    """The start of a run up to its first batch."""
    datasets = open_datasets(folder)
    next(datasets.train())
    report = datasets.split_report
    rows = {name: report[name] for name in ('matches', 'homologous_groups', 'limits')}
    shares = {
        name: {part: entry[part] / entry['bases'] for part in ('train', 'test', 'gap')}
        | {'blocks': len(entry['blocks'])}
        for name, entry in report['species'].items()
    }
    return {**rows, 'species': shares, 'audit': report['audit']['window_fraction']}


def loader(folder: pathlib.Path, scale: float) -> dict:
    """Windows per CPU second of the loader by round, of these genomes and of small ones.

    In the first rounds the pages of these genomes are read from the disk and mapped.
    """
    import human_genomes

    from genojax.data.store import ingest

    human_genomes.Simulator(folder / 'small', _SMALL, planted=0).write()
    ingest.ingest(folder / 'small', folder / 'small_shards')
    rates = {'small': [], 'large': []}
    opened = {'small': open_datasets(folder, 'small_shards'), 'large': open_datasets(folder)}
    batches = {name: datasets.train() for name, datasets in opened.items()}
    for name in ('large', 'small') * _LOADER_ROUNDS:
        next(batches[name])
        began, count = time.process_time(), 0
        end = time.monotonic() + _LOADER_SECONDS
        while time.monotonic() < end:
            next(batches[name])
            count += ROWS
        rates[name].append(round(count / (time.process_time() - began)))
    result = {f'{name}_windows_per_cpu_s': values for name, values in rates.items()}
    return result | {
        f'{name}_copy_cpu_us': copy_us(datasets.corpus) for name, datasets in opened.items()
    }


def copy_us(corpus) -> float:
    """CPU us per window of copies from random places of all genomes, and nothing else."""
    rng = np.random.default_rng(0)
    shape = (512, LENGTH)
    bases, regions = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    lengths = [member.lengths for member in corpus]
    began, count = time.process_time(), 0
    drawing = 0.0
    for _ in range(1_000):
        before = time.process_time()
        species = rng.integers(0, len(corpus), shape[0])
        contig = np.array([rng.integers(0, len(lengths[s])) for s in species.tolist()])
        sizes = np.array([lengths[s][c] for s, c in zip(species, contig, strict=True)])
        start = (rng.random(shape[0]) * (sizes - LENGTH)).astype(np.int64)
        drawing += time.process_time() - before
        corpus.read_into(bases, regions, species, contig, start)
        count += shape[0]
    return round(1e6 * (time.process_time() - began - drawing) / count, 3)


def recall(folder: pathlib.Path, scale: float) -> dict:
    """Planted homologues that the stored relation has, by divergence and strand."""
    import truth_check

    axis, homology = stored_homology(folder)
    truth = np.load(folder / 'genomes' / 'truth.npz')
    return {
        'matches': homology.matches,
        'recall': truth_check.planted(axis, homology, truth['planted']),
    }


def removals(folder: pathlib.Path, scale: float) -> dict:
    """What training loses by the homology of the test blocks, right and by mistake."""
    import truth_check

    axis, homology = stored_homology(folder)
    report = open_datasets(folder).split_report
    return truth_check.removals(axis, homology, report, np.load(folder / 'genomes' / 'truth.npz'))


def stored_homology(folder: pathlib.Path):
    """The axis of the genomes, and their homology."""
    from genojax.data.genomes import interval_sets, loading
    from genojax.data.splits import split_cache

    corpus = loading.open_shards(folder / 'shards', verify=False)
    axis = interval_sets.Axis(corpus)
    return axis, split_cache.homology(folder / 'shards', corpus, axis)


STAGES = {
    'simulate': simulate,
    'first': start,
    'second': start,
    'loader': loader,
    'recall': recall,
    'removals': removals,
}


def run(step: str, folder: pathlib.Path, scale: float) -> dict:
    """One step in a process of its own."""
    genojax = [sys.executable, '-m', 'genojax']
    command = {
        'check': [*genojax, 'check', folder / 'genomes'],
        'ingest': [*genojax, 'ingest', folder / 'genomes', f'--out={folder / "shards"}'],
    }.get(step, [sys.executable, HERE, f'--folder={folder}', f'--scale={scale}', f'--stage={step}'])
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f'{step} ended with {process.returncode}')
    return {
        'step': step,
        'cpu_s': usage.ru_utime + usage.ru_stime,
        'wall_s': time.monotonic() - began,
        'gib': usage.ru_maxrss / 2**20,
        **(json.loads(output.splitlines()[-1]) if step in STAGES else {}),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--folder', type=pathlib.Path, required=True, help='for all files')
    parser.add_argument('--scale', type=float, default=1.0, help='1: 3.1 and 2.7 Gb')
    parser.add_argument('--only', default=','.join(STEPS), help='steps, separated by commas')
    parser.add_argument('--keep', action='store_true', help='do not remove the folder')
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS / 'human_size.json')
    parser.add_argument('--stage', choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.stage:
        print(json.dumps(STAGES[options.stage](options.folder, options.scale)))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    head = {
        'date': datetime.date.today().isoformat(),
        'machine': measure.machine(),
        'scale': options.scale,
    }
    steps = []
    for step in options.only.split(','):
        steps.append(run(step, options.folder, options.scale))
        measure.emit(steps[-1])
        options.out.write_text(json.dumps({**head, 'steps': steps}, indent=1) + '\n')
    if not options.keep:
        shutil.rmtree(options.folder)


if __name__ == '__main__':
    main()
