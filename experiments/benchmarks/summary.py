"""The table and the picture of the attention suites, from results/attention_*.jsonl.

    python experiments/benchmarks/summary.py

Writes attention.md, attention.json and attention.png. The share is of the best matmul rate of any
process (`peaks`), so that a process on a slow core does not look fast. A cell is the median over
rounds of each round's median of quiet repetitions; the spread is between the best and the worst
round. Times are only compared within one suite and one setting of the allocator.
"""

import collections
import json
import pathlib
import statistics

import peers

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'
FIELDS = ('us_per_token', 'share', 'median_s', 'added_mib', 'gflops', 'matmul_gflops')


def read(suite: str) -> list[dict]:
    """All lines of a suite."""
    path = RESULTS / f'attention_{suite}.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def peaks() -> dict[str, float]:
    """The best matmul rate of any process, GFLOP/s, per clock.

    The clock is the CPU time of one core or the wall time of all cores.
    """
    best = collections.defaultdict(float)
    for path in RESULTS.glob('attention_*.jsonl'):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if 'error' not in record:
                best[record['clock']] = max(best[record['clock']], record['matmul_gflops'])
    return best


def points(records: list[dict]) -> list[dict]:
    """One record per peer, size, mode and allocator, with medians and spreads over rounds."""
    peak = peaks()
    groups = collections.defaultdict(list)
    for record in records:
        if 'error' not in record:
            best = peak[record['clock']]
            # counted here, so that all lines are counted alike
            flops = peers.model_flops(record['work'], record['n'], record, record['mode'])
            rate = flops / record['median_s'] / 1e9
            record |= {'gflops': rate, 'share': rate / best, 'matmul_gflops': best}
        groups[record['peer'], record['n'], record['mode'], record['malloc']].append(record)
    out = []
    for (peer, n, mode, malloc), group in groups.items():
        good = [r for r in group if 'error' not in r]
        point = {'peer': peer, 'n': n, 'mode': mode, 'malloc': malloc, 'rounds': len(good)}
        if good:
            for field in FIELDS:
                values = [r[field] for r in good]
                point[field] = statistics.median(values)
                point[f'{field}_spread'] = [min(values), max(values)]
            point |= {
                k: good[0][k]
                for k in ('H', 'D', 'block', 'random', 'seed', 'device', 'work', 'clock')
            }
        else:
            point['error'] = group[0]['error']
        out.append(point)
    return out


def table(points_: list[dict], mode: str, malloc: str) -> list[str]:
    """Markdown: peers by sizes, microseconds per token (share of the matmul rate), MiB added."""
    chosen = [p for p in points_ if p['mode'] == mode and p['malloc'] == malloc]
    sizes = sorted({p['n'] for p in chosen})
    names = list(dict.fromkeys(p['peer'] for p in chosen))
    cells = {(p['peer'], p['n']): p for p in chosen}
    lines = [
        '| peer | ' + ' | '.join(f'{n:,}' for n in sizes) + ' |',
        '|---' * (len(sizes) + 1) + '|',
    ]
    for peer in names:
        row = []
        for n in sizes:
            p = cells.get((peer, n), {})
            if 'us_per_token' in p:
                row.append(f'{p["us_per_token"]:.1f} ({p["share"]:.0%}) +{p["added_mib"]:.0f} MiB')
            else:
                row.append('fails' if 'error' in p else '')
        lines.append(f'| {peer} | ' + ' | '.join(row) + ' |')
    return lines if chosen else []


def picture(points_: list[dict]) -> None:
    """Share of the machine's matmul rate against length."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4), sharey=True, layout='constrained')
    for axis, mode in zip(axes, ('forward', 'both'), strict=False):
        # Peers have the same colour in both panels; one may be missing in a panel.
        for number, peer in enumerate(dict.fromkeys(p['peer'] for p in points_)):
            line = sorted(
                (p['n'], p['share'])
                for p in points_
                if (p['peer'], p['mode'], p['malloc']) == (peer, mode, 'default') and 'share' in p
            )
            if line:
                linewidth = 2.5 if peer.startswith('genojax') else 1.2
                axis.plot(
                    *zip(*line, strict=True),
                    marker='o',
                    linewidth=linewidth,
                    label=peer,
                    color=f'C{number}',
                )
        axis.set_xscale('log', base=2)
        axis.set_xlabel('tokens')
        axis.set_title('forward' if mode == 'forward' else 'forward + backward')
        axis.grid(alpha=0.3)
    axes[0].set_ylabel('model FLOPs / matmul rate of the core')
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc='outside right upper', frameon=False)
    figure.savefig(RESULTS / 'attention.png', dpi=110)


def main() -> None:
    """Writes the three files."""
    suites = [p.stem.removeprefix('attention_') for p in sorted(RESULTS.glob('attention_*.jsonl'))]
    by_suite = {suite: points(read(suite)) for suite in suites}
    lines = [
        'Microseconds per token (share of the best matmul rate that any process saw on that core), '
        'memory added.',
        '',
    ]
    for suite, items in by_suite.items():
        for malloc in ('default', 'tuned'):
            for mode in ('forward', 'both'):
                rows = table(items, mode, malloc)
                if rows:
                    title = 'forward' if mode == 'forward' else 'forward + backward'
                    lines += [f'### {suite}, {title}, allocator {malloc}', '', *rows, '']
                    chosen = [p for p in items if (p['mode'], p['malloc']) == (mode, malloc)]
                    failed = [p for p in chosen if 'error' in p]
                    lines += [f'{p["peer"]} at {p["n"]:,}: {p["error"]}' for p in failed]
                    lines += [''] * bool(failed)
    (RESULTS / 'attention.md').write_text('\n'.join(lines))
    (RESULTS / 'attention.json').write_text(json.dumps(by_suite, indent=1))
    if by_suite.get('main'):
        picture(by_suite['main'])
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
