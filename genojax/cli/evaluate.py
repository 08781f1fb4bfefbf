"""genojax evaluate WORKDIR: score a trained run on what it never saw, beside the baselines."""

import argparse
import json
import pathlib


def run(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog='genojax evaluate', description=__doc__)
    parser.add_argument('workdir', type=pathlib.Path, help='the run to score')
    parser.add_argument('--windows', type=_positive, help='held-out windows to score (all)')
    parser.add_argument(
        '--part',
        choices=('valid', 'tune'),
        default='valid',
        help='of a run on tracks: the held-out windows, or the training windows kept aside to choose settings by (%(default)s)',
    )
    arguments = parser.parse_args(argv)

    # Imported here, so that --help does not wait for jax.
    from genojax import errors
    from genojax.inference import trained
    from genojax.tasks.classification import evaluate as classification
    from genojax.tasks.coverage import evaluate as coverage
    from genojax.tasks.coverage import objective as tracks
    from genojax.tasks.masked_lm import evaluate as held_out
    from genojax.train import runs

    job = runs.Run(trained.read_config(arguments.workdir), arguments.workdir)
    if arguments.windows and not job.objective.scores_bits:
        raise errors.UsageError(
            '--windows is for language models; others are scored on all they have'
        )
    if job.objective.scores_bits:
        # The newest, not the best: held-out windows chose the best one.
        state = job.restore_latest()
        name, found = 'held_out.json', held_out.score(job, state, arguments.windows)
        print(_bits_table(found))
        if found['bases_left_out']:
            print(
                f'{found["bases_left_out"]:,} bases had no room in rows of tokens (tokenizer.tokens)'
            )
    elif isinstance(job.objective, tracks.Tracks):
        state = job.restore_best()  # chosen by training windows kept aside
        name = 'tracks.json' if arguments.part == 'valid' else f'tracks_{arguments.part}.json'
        found = coverage.score(job, state, arguments.part)
        print(_tracks_table(found))
    else:
        state = job.restore_best()  # chosen by the valid rows; scored on the test rows
        models = {'model': classification.scores(job, state)}
        fitted = classification.baseline_scores(job.feed.task)
        name, found = 'test.json', classification.compare(job.feed.task, models, fitted, 'model')
        print(_models_table(found))
    found['step'] = int(state.step)
    path = arguments.workdir / name
    path.write_text(json.dumps(found, indent=1))
    job.close()
    print(f'step {found["step"]}; written to {path}')


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of windows')
    return int(text)


def _interval(estimate) -> str:
    return '{:.3f} ({:.3f} to {:.3f})'.format(*estimate)


def _bits_table(found: dict) -> str:
    head = f'{"bits per base":<20}{"model":>24}{"order 0":>24}{"order 5":>24}{"bases":>10}'
    rows = [
        f'{name:<20}'
        + ''.join(f'{_interval(row[column]):>24}' for column in ('model', 'order0', 'order5'))
        + f'{row["n_bases"]:>10,}'
        for name, row in [*found['species'].items(), ('all', found['all'])]
    ]
    return '\n'.join([head, *rows, '95 % bootstrap intervals over windows'])


def _models_table(found: dict) -> str:
    rows = sorted(found['models'].items(), key=lambda item: -item[1]['auroc'][0])
    if found['ceiling']:
        rows.insert(0, ('known ceiling', found['ceiling']))
    lines = [f'{"":<20}{"AUROC":>24}{"average precision":>24}']
    lines += [
        f'{name:<20}{_interval(row["auroc"]):>24}{_interval(row["auprc"]):>24}'
        for name, row in rows
    ]
    return '\n'.join([*lines, f'95 % bootstrap intervals over {found["n_test"]:,} test rows'])


def _tracks_table(found: dict) -> str:
    lines = []
    for organism, one in found['organisms'].items():
        groups = one['scales']['reads']
        models = [name for name in groups['all'] if name not in ('minus', 'tracks')]
        given = f', given {", ".join(one["inputs"])}' if one['inputs'] else ''
        lines.append(
            f'{organism}: Pearson r, mean over tracks, {one["windows"]["scored"]} windows{given}'
        )
        titles = [f'{group} ({row["tracks"]})' for group, row in groups.items()]
        lines.append(f'{"":<22}' + ''.join(f'{title:>26}' for title in titles))
        for name in models:
            cells = ''.join(f'{_interval(row[name]):>26}' for row in groups.values())
            lines.append(f'{name:<22}{cells}')
        for name in models[1:]:
            cells = ''.join(f'{_interval(row["minus"][name]):>26}' for row in groups.values())
            lines.append(f'{"- " + name:<22}{cells}')
        leaks = one['leaks']
        lines.append(
            f'  {leaks["kmer_share"]:.1%} of the held-out {leaks["k"]}-mers occur in training windows; '
            f'{leaks["windows_whose_flanks_overlap_training"]} windows overlap training in their flanks'
        )
    lines.append('95 % bootstrap intervals over windows; "- name" is the model minus that baseline')
    if found['soft_clip']:
        lines.append("of reads bent above each track's clip_soft, as in training (data.soft_clip)")
    return '\n'.join(lines)
