"""Simulated signals whose grammar is known: how much of what can be predicted is predicted?

    python experiments/011_signals/grammar.py sites --workdir=runs/signals
    python experiments/011_signals/grammar.py enhancers --workdir=runs/signals

`sites` are random windows with two kinds of planted sites (`genojax.simulate.tracks`). `enhancers`
are the clade of `genojax simulate --signals`: reads at the start of a gene depend on the class of
its promoter and on every enhancer around it. There the network reads open chromatin beside DNA, or
DNA alone, and the gaps of its convolutions decide how far it reaches, at an equal number of
parameters. Networks stand beside tuned ridge regressions and beside ceilings: the rates that the
reads are drawn from, and for enhancers the rates without what lies further away than a distance.
The results are printed and written into results.json; the same workdir resumes.
"""

import argparse
import json
import math
import pathlib
from collections.abc import Mapping

import numpy as np
import signals as real

from genojax import metrics, simulate
from genojax.data.store.signals import shards
from genojax.metrics import moments
from genojax.simulate import signals as simulated
from genojax.simulate import tracks as simulated_tracks
from genojax.tasks.coverage import baselines, evaluate, genes
from genojax.train import runs

HERE = pathlib.Path(__file__).parent
DATA, MODEL = '--config.tasks.coverage.data', '--config.model'
BIN = 128
STEPS = {'sites': 1_000, 'enhancers': 800}
SITES = 'sites'
SITE_WINDOWS, SITE_LENGTH, SITE_CROP = (400, 100), 4_096, 1_024
SPECIES = 'sim_alpha'
OWN_STRAND = 'starts+'  # of a gene: across genes, tracks are read in the gene's direction
WINDOW = 65_536  # of the clade; all of it is predicted
DEPTH = 7  # dilated blocks
RATES = (1.0, 1.5, 2.0)  # of their dilations: they reach 896, 4,096 and 16,256 bp to either side


def train(flags: list[str], steps: int, seed: int, workdir: pathlib.Path) -> None:
    """One run of `--config=tracks`, unless it is complete."""
    log = workdir / 'metrics.jsonl'
    if log.exists() and json.loads(log.read_text().splitlines()[-1])['step'] == steps:
        return
    real.genojax(
        'train',
        '--config=tracks',
        *flags,
        '--config.optim.peak=5e-3',
        '--config.validate_every=60',
        '--config.save_every=60',
        f'--config.seed={seed}',
        f'--config.steps={steps}',
        f'--workdir={workdir}',
    )


class Scored:
    """Test windows of one organism, and every prediction of them by name."""

    def __init__(self, datasets, seed: int = 0):
        self.source = datasets.sources[0]
        self.windows = datasets.windows(0, 'test').load()
        no_shift = np.zeros(len(self.windows), np.int64)
        cut = self.source.rows(self.windows, no_shift.astype(bool), no_shift)
        self.truth_NPC, self.known_NPC = cut.target_BPC, cut.known_BPC
        self.predicted: dict[str, np.ndarray] = {}

    def add_ridges(self) -> None:
        every = self.source.organism.parts['train']
        fit = baselines.limited(every, *self.truth_NPC.shape[1:])
        for name, fitted in baselines.fit_all(self.source, self.windows, fit).items():
            self.predicted[name] = fitted.predicted_NPC

    def scores(self, lead: str, extra_genes: Mapping[str, np.ndarray] | None = None) -> dict:
        """Correlations over bins and across genes of every prediction, and the lead's differences.

        Args:
            extra_genes: further predictions of the genes alone, [genes, C].
        """
        organism, target_C = self.source.organism, self.source.target_C
        models = {lead: self.predicted[lead], **self.predicted}
        result = evaluate.compare(
            self.truth_NPC, models, organism.tracks, target_C, lead=lead, known_NPC=self.known_NPC
        )
        chosen = np.flatnonzero(target_C)
        centres, known = self.windows.centres, np.ones(self.known_NPC.shape, bool)
        _, truth_GC = genes.values(self.truth_NPC, self.known_NPC, centres, organism)
        values = {
            name: genes.values(x_NPC, known, centres, organism)[1][:, chosen]
            for name, x_NPC in models.items()
        }
        values |= {name: x_GC[:, chosen] for name, x_GC in (extra_genes or {}).items()}
        names = [organism.tracks[c].identifier for c in chosen.tolist()]
        truth_GC = truth_GC[:, chosen]
        return {
            'windows': len(self.windows),
            'mean': result['scales']['reads']['all'],
            'tracks': {row.pop('identifier'): row for row in result['tracks']},
            'genes': genes.compare(truth_GC, values, names),
            'genes_minus': _differences(truth_GC, values, lead, names),
        }


def _differences(
    truth_GC: np.ndarray, values: Mapping[str, np.ndarray], lead: str, names: list[str]
) -> dict[str, list[float]]:
    """The lead's r across genes minus that of each other prediction, for reads on their strand."""
    if len(truth_GC) < genes.MIN_GENES or OWN_STRAND not in names:
        return {}
    column = names.index(OWN_STRAND)
    weight_WG = moments.resamples(len(truth_GC))
    r_W = {
        name: metrics.pearson(truth_GC[:, column], x_GC[:, column], weight_WG)
        for name, x_GC in values.items()
    }
    return {name: moments.interval(r_W[lead] - r) for name, r in r_W.items() if name != lead}


def open_run(workdir: pathlib.Path):
    """The test windows of a run, and its predictions of them."""
    opened = runs.open_run(runs.read_experiment(workdir), workdir, read_only=True)
    task, datasets = opened.tasks['coverage'], opened.datasets['coverage']
    trained = opened.trained(opened.restore_best())
    (predicted_NPC,) = evaluate.predictions(task, trained, datasets).values()
    opened.close()
    return datasets, predicted_NPC


def sites(workdir: pathlib.Path, seeds: int, steps: int) -> dict:
    """The network beside ridges on windows with planted sites."""
    folder = workdir / SITES
    if not (folder / f'{SITES}_statistics.json').exists():
        simulate.write_tracks(folder, SITES, SITE_WINDOWS, SITE_LENGTH, SITE_CROP)
    flags = [
        *(f'{MODEL}.width=64', f'{MODEL}.inner=32', f'{MODEL}.depth=1'),
        f'{MODEL}.organisms=({SITES!r},)',
        f'{MODEL}.tracks=({len(simulated_tracks.table())},)',
        f'{MODEL}.crop={SITE_CROP // BIN}',
        f'{DATA}.path={folder}',
        f'{DATA}.organisms={ {SITES: SITES} }',
        f'{DATA}.length={SITE_LENGTH}',
    ]
    scored, names = None, []
    for seed in range(seeds):
        run = workdir / f'{SITES}_{seed}'
        names.append(f'network, seed {seed}')
        train(flags, steps, seed, run)
        datasets, predicted_NPC = open_run(run)
        scored = scored or Scored(datasets)
        scored.predicted[names[-1]] = predicted_NPC
    scored.add_ridges()
    with np.load(folder / f'{SITES}_valid.npz') as file:
        rate_NPC = file['rate']
    table = simulated_tracks.table()
    factor = rate_NPC.shape[1] // scored.truth_NPC.shape[1]
    scored.predicted['rates'] = simulated_tracks.coverage.pool(rate_NPC, table, factor)
    results = {name: scored.scores(name) for name in names}
    return {'steps': steps, 'runs': results}


def prepare_clade(workdir: pathlib.Path, length: int, count: int) -> pathlib.Path:
    """Simulates the clade and cuts windows of its counts and of its rates."""
    clade = workdir / 'clade'
    if not (clade / 'truth.json').exists():
        sizes = (f'--length={length}', f'--genes={count}', '--task-rows=0')
        real.genojax('simulate', str(clade), '--species=2', '--signals', *sizes)
    for table in ('tracks', 'rates'):
        files = (str(clade), f'--tracks={clade / "signals" / table}.tsv')
        sizes = (f'--window={WINDOW}', '--crop=0')
        real.genojax('tracks', *files, f'--out={workdir / table}', *sizes)
    return clade


def rates_within(
    clade: pathlib.Path, windows, organism, reaches: tuple[float, ...]
) -> dict[str, np.ndarray]:
    """Log expected reads of the test windows' genes by what lies within each distance, [genes, C].

    Only what a row has counts: enhancers beyond its ends are left out as well.
    """
    promoter, enhancers = {}, {}
    for line in (clade / f'{SPECIES}.gff3').read_text().splitlines():
        cells = line.split('\t')
        if len(cells) == 9 and cells[2] in ('promoter', 'enhancer'):
            values = dict(part.split('=', 1) for part in cells[8].split(';'))
            if cells[2] == 'promoter':
                promoter[values['gene']] = values['promoter_class']
            else:
                middle = (int(cells[3]) - 1 + int(cells[4])) / 2
                enhancers.setdefault(cells[0], []).append(middle)
    shape = windows.target_NPC.shape
    chosen, _ = genes.values(np.zeros(shape), np.ones(shape, bool), windows.centres, organism)
    result = {}
    for reach in reaches:
        rows = []
        for gene in chosen:
            row = next(
                centre
                for centre in windows.centres
                if centre.contig == gene.contig and centre.start <= gene.position < centre.end
            )
            middle_E = np.array(enhancers[gene.contig])
            distance_E = np.abs(middle_E - gene.position)
            near_E = (distance_E <= reach) & (middle_E >= row.start) & (middle_E < row.end)
            factor = simulated.CLASS_FACTOR.get(promoter[gene.name], 1.0)
            total = np.exp(-distance_E[near_E] / simulated.REACH).sum()
            rows.append(np.log(factor * (1 + simulated.GAIN * total)))
        values_GC = np.repeat(np.array(rows)[:, None], len(organism.tracks), 1)
        result[f'enhancers within {reach:,.0f} bp'] = values_GC
    return result


def enhancers(
    workdir: pathlib.Path,
    seeds: int,
    steps: int,
    rates: list[float],
    dna: bool,
    length: int,
    count: int,
) -> dict:
    """The network by reach and by input, beside ridges and what lies within its reach.

    Args:
        rates: of the dilations.
        dna: also a network that reads DNA alone, with the largest rate.
    """
    clade = prepare_clade(workdir, length, count)
    networks = [('accessibility', rate) for rate in rates]
    if dna:
        networks.append(('DNA alone', max(rates)))
    scored, results, contexts = {}, {}, {}
    for inputs, rate in networks:
        context = BIN * sum(round(rate**number) for number in range(DEPTH))
        for seed in range(seeds):
            run = workdir / f'{inputs.split()[0]}_{rate}_{seed}'
            flags = [
                *(f'{MODEL}.width=32', f'{MODEL}.inner=32', f'{MODEL}.depth={DEPTH}'),
                *(f'{MODEL}.rate={rate}', f'{MODEL}.crop=0'),
                f'{MODEL}.organisms=({SPECIES!r},)',
                f'{MODEL}.tracks=({len(simulated.TRACKS)},)',
                *(f'{DATA}.path={workdir / "tracks"}', f'{DATA}.length={WINDOW}'),
                f'{DATA}.organisms={ {SPECIES: SPECIES} }',
                *(f'{DATA}.batch_size=2', f'{DATA}.validation=0.1'),
            ]
            if inputs == 'accessibility':
                flags += [f'{MODEL}.inputs=1', f'{DATA}.accessibility={ {SPECIES: "^open$"} }']
            name = f'{inputs}, {context:,} bp, seed {seed}'
            train(flags, steps, seed, run)
            datasets, predicted_NPC = open_run(run)
            if inputs not in scored:
                scored[inputs] = Scored(datasets)
                scored[inputs].add_ridges()
            scored[inputs].predicted[name] = predicted_NPC
            contexts[name] = (inputs, context)
    ceiling = shards.open_organism(workdir / 'rates', SPECIES, BIN, False).parts['test'].load()
    for inputs, one in scored.items():
        one.predicted['rates'] = ceiling.target_NPC
        organism = one.source.organism
        reaches = sorted({context for _, context in contexts.values()})
        extra = rates_within(clade, one.windows, organism, (*reaches, math.inf))
        for name, (its_inputs, _) in contexts.items():
            if its_inputs == inputs:
                results[name] = one.scores(name, extra)
    return {'steps': steps, 'runs': results}


def print_tables(result: dict) -> None:
    """Every run: r over bins of each track, its mean, across genes, and the paired differences."""
    for name, scores in result['runs'].items():
        print(f'\n**{name}**, {scores["windows"]} test windows')
        models = [m for m in scores['mean'] if m not in ('minus', 'tracks')]
        for model in models:
            cells = [
                f'{t} {metrics.format_interval(r[model])}' for t, r in scores['tracks'].items()
            ]
            mean = metrics.format_interval(scores['mean'][model])
            print(f'  {model}: mean {mean}; ' + ', '.join(cells))
        for model, r in scores['mean']['minus'].items():
            print(f'  minus {model}: {metrics.format_interval(r)}')
        if scores['genes']:
            print(f'  across {scores["genes"]["genes"]} genes:')
            across = scores['genes']['across_genes']
            for model in across['all']:
                cells = [f'{t} {metrics.format_interval(r[model])}' for t, r in across.items()]
                print(f'    {model}: ' + ', '.join(cells))
            for model, r in scores['genes_minus'].items():
                print(f'    minus {model}: {metrics.format_interval(r)}')


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('kind', choices=('sites', 'enhancers'))
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--steps', type=int, help='sites: 1000, enhancers: 800')
    parser.add_argument('--rates', type=float, nargs='*', default=RATES, help='of dilations')
    parser.add_argument('--no-dna', dest='dna', action='store_false', help='no run on DNA alone')
    parser.add_argument('--length', type=int, default=12_000_000, help='of a simulated genome')
    parser.add_argument('--genes', type=int, default=3_000)
    parser.add_argument('--results', type=pathlib.Path, default=HERE / 'results.json')
    arguments = parser.parse_args(argv)
    workdir = arguments.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    steps = arguments.steps or STEPS[arguments.kind]
    if arguments.kind == 'sites':
        result = sites(workdir, arguments.seeds, steps)
    else:
        sizes = arguments.length, arguments.genes
        result = enhancers(workdir, arguments.seeds, steps, arguments.rates, arguments.dna, *sizes)
    print_tables(result)
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    results[arguments.kind] = result
    arguments.results.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
