"""Splice sites against all other GT and AG of whole genes: worm and Arabidopsis, real annotation.

python experiments/015_splice_sites/sites.py --data=$GENOJAX_DATA --workdir=runs/splice_sites

Cuts the windows (`genojax windows`), trains a small convolutional network on them, and scores whole
chromosomes that it has not seen beside positional and k-mer baselines, by average precision. Prints
a table and writes results.json. What is done already is not repeated.
"""

import argparse
import json
import pathlib
import time

from genojax import experiment, metrics
from genojax.cli import flags
from genojax.cli import windows as windows_verb
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
SPECIES = ('celegans', 'athaliana')
FLANK = 40
TASK = 'promoters'  # the name of the config's task
SETTINGS = {
    'model.length': str(2 * FLANK + 2),
    'model.filters': '(64, 64)',
    'model.windows': '(11, 7)',
    'model.pools': '(1, 2)',
    'model.padding': 'same',
    'model.hidden': '(64,)',
    'steps': '1500',
    'validate_every': '250',
    'save_every': '500',
    f'tasks.{TASK}.data.batch_size': '128',
    f'tasks.{TASK}.data.keep_together': 'equal',
    f'tasks.{TASK}.data.shared_rows': 'report',
}


def cut(data: pathlib.Path, folder: pathlib.Path, site: str) -> pathlib.Path:
    """The table of one kind of site."""
    out = folder / f'{site}s.tsv'
    if not out.exists():
        arguments = [f'--site={site}', f'--flank={FLANK}', f'--out={out}']
        for name in SPECIES:
            stem = data / 'embed_default' / f'{name}_1pct'
            arguments += [f'--fasta={stem}.fa.gz', f'--annotation={stem}.gff3.gz']
            arguments.append(f'--species={name}')
        windows_verb.run(arguments)
    return out


def score(table: pathlib.Path, folder: pathlib.Path, seed: int) -> dict:
    """The evaluation of a network on one table."""
    values = flags.load('baselines:basset')
    more = {f'tasks.{TASK}.data.path': str(table), 'seed': str(seed)}
    for name, text in {**SETTINGS, **more}.items():
        flags.override(values, name, text)
    run = runs.open_run(experiment.from_config(values), folder)
    loop.train(run)
    task = run.tasks[TASK]
    result = task.evaluate(run.trained(run.restore_best()), run.datasets[TASK])
    run.close()
    return result


def print_table(site: str, result: dict) -> None:
    positives = result['models']['model']['confusion'][1]
    print(f'{site}: {result["n_test"]:,} test rows, {sum(positives):,} sites')
    print('| model | average precision | AUROC |')
    print('|---|---|---|')
    ranked = sorted(result['models'].items(), key=lambda item: -item[1]['auprc'][0])
    for name, row in ranked:
        cells = [metrics.format_interval(row[key]) for key in ('auprc', 'auroc')]
        print(f'| {name} | {" | ".join(cells)} |')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--sites', nargs='+', default=['donor', 'acceptor'])
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    options.workdir.mkdir(parents=True, exist_ok=True)
    results = {}
    for site in options.sites:
        started = time.process_time()
        table = cut(options.data, options.workdir, site)
        results[site] = score(table, options.workdir / site, options.seed)
        results[site]['cpu_seconds'] = round(time.process_time() - started)
        print_table(site, results[site])
    (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
