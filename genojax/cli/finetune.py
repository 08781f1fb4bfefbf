"""Fine-tune a model on a labelled table: train, evaluate beside baselines, predict, report.

MODEL is a run's workdir or a converted directory. TABLE is a TSV or CSV with columns sequence and
label (and split), or a folder with train, dev and test tables. Labels that are words, or up to 50
different whole numbers, are classes; other numbers are values.

The settings follow from the rows of the table and the width of the model:

  rows up to     500  2,000  10,000  50,000  more
  epochs          30     15       6       3     2
  rows per batch   8     16      16      32    32
  head's dropout 0.3    0.3     0.3     0.1   0.1

  learning rate   1e-3 for models up to width 64, then 0.064 / width, with warm-up and cosine decay;
                  three times that with --train=lora and --train=probe
  dropout         0.1 in the model
  head            rows of one length up to 200 bases: every position has weights; else the mean
  validation      8 times; the checkpoint with the lowest loss is evaluated and predicts
  values          standardised while training; scores and predictions are in the table's units
  split           the table's own, or 25 % test rows and 10 % of the others for validation; rows
                  that share sequence stay together

--train=lora freezes the model and trains adapters of its attention (rank 8) and the head;
--train=probe trains the head alone. DIR then holds only what was trained, and reads MODEL again:
keep it, or add --config.optim.train.copy_base=True. `genojax convert DIR OUT` merges both.

--from-scratch says what pretraining was worth: the same network from fresh parameters, on the same
rows (those in the genomes of MODEL are removed alike), in the same split, with the same settings.
`genojax evaluate DIR --against=OTHER` has the paired difference of the two.

The settings are kept in DIR/config.json. The same command resumes. DIR gets predictions.test.tsv
(one row per test row), evaluation/labels.test.json and report.html; `genojax predict DIR` predicts
for other sequences.

Examples:
  genojax finetune runs/pretrain promoters.tsv --workdir=runs/promoters
"""

import argparse
import pathlib
import typing

from genojax import errors, progress
from genojax.cli import flags

EPILOG = """
  --config.FIELD=VALUE   override any field of the config, as in --config.steps=500 or
                         --config.tasks.labels.data.reverse_complement=True
"""


def run(argv: list[str]) -> None:
    rest, overrides = flags.split_overrides(argv, ['config'])
    arguments = _parse(rest)

    def edit(values):
        for path in overrides['config']:
            _parents(values, path)
        flags.apply_overrides(values, overrides['config'])

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax.pipeline import finetune

    hints = typing.get_type_hints(finetune.Finetuning)
    for name, value in (('kind', arguments.kind), ('train', arguments.train)):
        known = typing.get_args(hints[name])
        if value not in known:
            names = ', '.join(filter(None, known))
            raise errors.UsageError(f'--{name}={value} is not one of {names}')
    finetune.run(
        finetune.Finetuning(
            model=arguments.model,
            table=arguments.table,
            workdir=arguments.workdir,
            kind=arguments.kind,
            sequence_column=arguments.sequence_column,
            label_column=arguments.label_column,
            value_columns=tuple(arguments.value_columns),
            split_column=arguments.split_column,
            rna=arguments.rna,
            genomes=arguments.genomes,
            epochs=arguments.epochs,
            train=arguments.train,
            from_scratch=arguments.from_scratch,
            edit=edit,
        ),
        say=_say,
    )


def _parents(values: dict, path: str) -> None:
    """Makes the dictionaries on the way to a field that the preset leaves at its default."""
    for name in path.split('.')[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            return


def _say(line: str) -> None:
    print(line, flush=True)


def _parse(argv: list[str]) -> argparse.Namespace:
    """The flags.

    Raises:
        UsageError: the table does not exist, or flags do not go together.
    """
    parser = flags.Parser('finetune', __doc__, epilog=EPILOG)
    add = parser.add_argument
    add('model', metavar='MODEL', type=flags.location, help="a run's workdir or a converted model")
    add('table', metavar='TABLE', help='labelled sequences')
    add('--workdir', required=True, type=flags.location, metavar='DIR', help='of the new run')
    add('--kind', default='', help='classification or regression (inferred)')
    add('--sequence-column', default='', metavar='NAME', help='of the table (sequence)')
    add('--label-column', default='', metavar='NAME', help='of the table (label)')
    add(
        '--value-columns',
        default=(),
        type=lambda text: text.split(','),
        metavar='A,B',
        help='of a task of several values',
    )
    add('--split-column', default='', metavar='NAME', help='of the table (split, if there is one)')
    add('--rna', action='store_true', help='read U as T')
    add('--genomes', default='', metavar='SHARDS', help='ingested genomes to compare rows with')
    add('--epochs', type=flags.positive, default=0, help='passes over the training rows')
    add('--train', default='full', help='full, lora (adapters, head) or probe (head) (%(default)s)')
    add('--from-scratch', action='store_true', help='the same from fresh parameters, to compare')
    arguments = parser.parse_args(argv)
    if not pathlib.Path(arguments.table).exists():
        raise errors.absent(arguments.table)
    if arguments.from_scratch and arguments.train in ('lora', 'probe'):
        raise errors.UsageError(
            f'--train={arguments.train} keeps the parameters of MODEL, and --from-scratch reads '
            'none. Fix: leave --train out'
        )
    return arguments
