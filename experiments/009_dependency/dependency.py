"""Do dependency maps of a trained language model show pairs of bases that were planted?

python experiments/009_dependency/dependency.py --workdir=runs/dependency --seeds=3

Windows of 64 bases hold two sites each: the two ends of a small intron, or two transcription-factor
sites. Each pair of sites has two versions that differ in two letters of either site, so these
letters depend on each other and on nothing else. A small masked language model of 3-mers is
trained on such windows and its dependency maps are scored by the average precision of the planted
pairs among all pairs of bases at least 20 apart, beside the map of the exact conditional
probabilities: the ceiling. Writes results.json, results.csv and maps.png.
"""

import argparse
import json
import pathlib
import time

import numpy as np
from matplotlib import figure

from genojax import dna, experiment, metrics, tasks
from genojax.data.store import ingest
from genojax.inference import likelihood as lm
from genojax.interpret import base_probabilities, dependency
from genojax.models import bert
from genojax.predict import loading
from genojax.simulate import background, likelihood, motifs
from genojax.simulate import grammar as grammars
from genojax.tokenizers import kmer
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
LENGTH, UPSTREAM, FIDELITY = 64, 32, 0.92
MIN_DISTANCE, GROUPS, K = 20, 16, 3
WINDOWS = {'train': 80_000, 'test': 400}
STEPS, LETTERS, MAPS = 4_800, 60, 20  # windows whose letters are predicted; maps, half of each kind
# Kind of pair -> the two versions of (first site, second site).
PAIRS = {
    'splice': (('GTAAGT', 'YYYYYYYYYACAG'), ('GTGCGT', 'YYYYYYYYYGTAG')),
    'motifs': (('ACCGGAAGY', 'TGACGTCA'), ('ACCGCTAGY', 'TGATATCA')),
}


def grammar() -> grammars.Grammar:
    """Both versions of both kinds of pairs, with sites at one of three starts."""
    library, classes = [], []
    for kind, versions in PAIRS.items():
        for version, sites in enumerate(versions):
            slots = []
            for number, (consensus, first) in enumerate(zip(sites, (-26, 6), strict=True)):
                motif = motifs.Motif(f'{kind}{version}{number}', consensus, FIDELITY)
                starts = tuple((first + shift, p) for shift, p in ((-1, 0.2), (0, 0.6), (1, 0.2)))
                library.append(motif)
                slots.append(grammars.Slot(motif.name, 1.0, starts))
            classes.append(
                grammars.PromoterClass(f'{kind}{version}', 0.25, background.GENOME, tuple(slots))
            )
    return grammars.Grammar(
        upstream=UPSTREAM,
        length=LENGTH,
        classes=tuple(classes),
        negatives=((background.GENOME, 1.0),),
        decoys=(),
        library=tuple(library),
    )


def planted(one: grammars.Grammar, sampled, row: int) -> tuple[str, np.ndarray]:
    """The kind of a window's pair, and which pairs (i, j) of bases depend on each other."""
    name = one.classes[int(sampled.component_N[row])].name
    kind, version = name[:-1], int(name[-1])
    first_rows = motifs.first_rows(one.library)
    places = []
    for number in (0, 1):
        texts = [PAIRS[kind][v][number] for v in (0, 1)]
        columns = [c for c, (x, y) in enumerate(zip(*texts, strict=True)) if x != y]
        start = first_rows[f'{kind}{version}{number}']
        places.append(np.flatnonzero(np.isin(sampled.rows_NL[row], [start + c for c in columns])))
    truth_LL = np.zeros((LENGTH, LENGTH), bool)
    truth_LL[np.ix_(*places)] = True
    return kind, truth_LL | truth_LL.T


def exact_map(one: grammars.Grammar, codes_L: np.ndarray) -> dependency.DependencyMap:
    """The map of the exact conditional probabilities of a base given all others."""
    odds_LALC = np.empty((LENGTH, 4, LENGTH, 4))
    for base in range(LENGTH):
        for code in range(4):
            mutant_L = codes_L.copy()
            mutant_L[base] = code
            many = np.repeat(mutant_L[None], 4 * LENGTH, 0)
            many[np.arange(4 * LENGTH), np.repeat(np.arange(LENGTH), 4)] = np.tile(range(4), LENGTH)
            log_LC = likelihood.log_promoter(one, many).reshape(LENGTH, 4) / np.log(2)
            others = [np.delete(log_LC, c, 1) for c in range(4)]
            rest_LC = np.stack([np.logaddexp2.reduce(x, axis=1) for x in others], 1)
            odds_LALC[base, code] = log_LC - rest_LC
    return dependency.from_odds(odds_LALC.astype(np.float32), codes_L)


def letter_bits(model, one: grammars.Grammar, sampled, count: int) -> tuple[float, float]:
    """Mean -log2 p of the letters that depend on each other, each hidden alone: model, exact."""
    hidden: list[tuple[int, int]] = []

    def rows():
        for number in range(count):
            row = model.reader.row(sampled.codes_NL[number])
            for base in np.flatnonzero(planted(one, sampled, number)[1].any(1)).tolist():
                hidden.append((number, base))
                yield lm.masked_row(row, len(hidden) - 1, model.tokenizer, np.array([base]))

    bits = []
    for masked, log2p_L4 in base_probabilities.BaseReader(model).read(rows()):
        number, base = hidden[masked.sequence]
        codes_L = sampled.codes_NL[number]
        many_4L = np.repeat(codes_L[None], 4, 0)
        many_4L[:, base] = range(4)
        exact_4 = likelihood.log_promoter(one, many_4L) / np.log(2)
        exact_4 -= np.logaddexp2.reduce(exact_4)
        bits.append((-log2p_L4[base, codes_L[base]], -exact_4[codes_L[base]]))
    return tuple(np.mean(bits, 0).tolist())


def precision(values_LL: np.ndarray, truth_LL: np.ndarray) -> float:
    """Average precision of the planted pairs among all that are far enough apart."""
    first, second = np.triu_indices(LENGTH, MIN_DISTANCE)
    value = np.fmax(values_LL, values_LL.T)[first, second]
    return float(metrics.auprc(truth_LL[first, second], np.nan_to_num(value, nan=-1.0)))


def train(one: grammars.Grammar, folder: pathlib.Path, seed: int) -> None:
    """Trains the language model on windows side by side, one contig per split."""
    rng = np.random.default_rng(seed)
    texts = {}
    for split, count in WINDOWS.items():
        sampled = grammars.sample_promoters(one, rng, count)
        texts[split] = dna.decode(sampled.codes_NL.reshape(-1))
    genomes, shards = folder / 'genomes', folder / 'shards'
    if not shards.exists():
        genomes.mkdir(parents=True, exist_ok=True)
        (genomes / 'x.fa').write_text(''.join(f'>{s}\n{text}\n' for s, text in texts.items()))
        columns = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit'
        rows = [f'pairs\tx.fa\t{split}\t\tno\tno\t{split}' for split in texts]
        (genomes / 'genomes.tsv').write_text('\n'.join([columns, *rows]) + '\n')
        ingest.ingest(genomes, shards)
    model = bert.BertConfig(
        vocab=kmer.vocab_size(K),
        width=64,
        depth=2,
        heads=4,
        inner=128,
        max_tokens=128,
        dropout=0.0,
        attention_dropout=0.0,
        unroll=2,
    )
    mixture = tasks.MixtureConfig(length=LENGTH, batch_size=32, reverse_complement=False)
    data = tasks.GenomesDataConfig(shards=str(shards), mixture=mixture, homology=False)
    task = tasks.MaskedLmConfig(mask=tasks.MaskConfig(rate=0.1), data=data)
    settings = experiment.Experiment(
        model=model,
        tokenizer=experiment.TokenizerConfig('kmer', K),
        optim=experiment.OptimConfig(peak=3e-3, warmup=50),
        tasks={'masked_lm': task},
        steps=STEPS,
        log_every=100,
        validate_every=1_200,
        save_every=1_200,
        seed=seed,
    )
    run = runs.open_run(settings, folder / 'run')
    loop.train(run)
    run.close()


def run_seed(folder: pathlib.Path, seed: int) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    started, one = time.process_time(), grammar()
    train(one, folder, seed)
    model = loading.load(folder / 'run')
    sampled = grammars.sample_promoters(one, np.random.default_rng([seed, 1]), LETTERS)
    rows: list[dict] = []
    count = dict.fromkeys(PAIRS, 0)
    for row in range(LETTERS):
        kind, truth_LL = planted(one, sampled, row)
        if 2 * count[kind] >= MAPS:
            continue
        count[kind] += 1
        codes_L = sampled.codes_NL[row]
        maps = {
            'model': dependency.dependency_map(model, codes_L, GROUPS),
            'exact': exact_map(one, codes_L),
        }
        if not rows:
            np.savez(
                folder / 'maps.npz', truth=truth_LL, **{k: m.effect_LL for k, m in maps.items()}
            )
        chance = float(truth_LL[np.triu_indices(LENGTH, MIN_DISTANCE)].mean())
        rows.append({'kind': kind, 'chance': chance})
        for name, one_map in maps.items():
            for score in ('effect', 'coupling'):
                values_LL = getattr(one_map, f'{score}_LL')
                rows[-1][f'{name} {score}'] = precision(values_LL, truth_LL)
    bits = letter_bits(model, one, sampled, LETTERS)
    result = {'windows': rows, 'bits': bits, 'cpu_seconds': round(time.process_time() - started)}
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


def csv_rows(results: dict[int, dict]) -> list[list]:
    """Mean over the windows of a seed, per kind of pair and kind of map."""
    rows = [['pairs', 'map', 'seed', 'model', 'ceiling', 'chance', 'windows', 'bits', 'exact_bits']]
    rows[0].append('cpu_seconds')
    for kind in PAIRS:
        for score in ('effect', 'coupling'):
            for seed, result in results.items():
                windows = [row for row in result['windows'] if row['kind'] == kind]
                names = f'model {score}', f'exact {score}', 'chance'
                means = [np.mean([row[name] for row in windows]) for name in names]
                cells = [kind, score, seed, *(f'{mean:.4f}' for mean in means)]
                cells += [len(windows), *(f'{bits:.4f}' for bits in result['bits'])]
                rows.append([*cells, result['cpu_seconds']])
    return rows


def draw(path: pathlib.Path, out: pathlib.Path) -> None:
    """One window: the model's map beside the exact one, planted pairs in circles."""
    fig = figure.Figure(figsize=(9, 4.4), layout='constrained')
    with np.load(path) as arrays:
        first, second = np.nonzero(arrays['truth'])
        for axes, name in zip(fig.subplots(1, 2), ('model', 'exact'), strict=True):
            values_LL = arrays[name]
            high = float(np.nanpercentile(values_LL, 99.5))
            image = axes.imshow(values_LL, cmap='magma', vmin=0, vmax=high)
            axes.scatter(second, first, s=60, facecolors='none', edgecolors='#5dade2')
            axes.set_title(f'{name}: largest |change of log2 odds|', fontsize=10)
            axes.set_xlabel('base that is predicted')
            axes.set_ylabel('base that is substituted')
            fig.colorbar(image, ax=axes, shrink=0.8, label='bits')
    fig.savefig(out, dpi=100)


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
    rows = csv_rows(results)
    with open(options.out / 'results.csv', 'w') as file:
        file.writelines(','.join(map(str, row)) + '\n' for row in rows)
    draw(options.workdir / 'seed0' / 'maps.npz', options.out / 'maps.png')
    for row in rows:
        print('| ' + ' | '.join(map(str, row)) + ' |')


if __name__ == '__main__':
    main()
