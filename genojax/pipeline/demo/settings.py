"""What the main job runs on, and its sizes."""

import dataclasses
import pathlib
from typing import Literal

from genojax import errors, simulate
from genojax import experiment as experiments

ORTHOLOGUES = 'orthologues.tsv'  # in the folder of the genomes; without it masked LM is alone
VARIANTS = pathlib.Path('variants') / 'variants.tsv'  # likewise, of labelled variants
_NETWORK = ('width=32', 'inner=64', 'depth=1', 'unroll=1')
# What `genojax demo --small` stands for, beside a smaller clade: seconds instead of minutes. Flags
# of the user come after these.
SMALL = (
    *(f'--{run}.model.{size}' for run in ('pretrain', 'finetune') for size in _NETWORK),
    *('--pretrain.steps=60', '--pretrain.optim.warmup=10', '--pretrain.validate_every=60'),
    '--pretrain.tasks.masked_lm.data.validation_windows=64',
    *('--finetune.steps=60', '--finetune.optim.warmup=10', '--finetune.validate_every=60'),
)


@dataclasses.dataclass(frozen=True)
class Demo:
    """What the main job runs on.

    Attributes:
        directory: where everything goes.
        pretrain: an experiment with masked language modelling, and perhaps with orthologous genes;
            the paths of its data are filled in here, as are those of `finetune`.
        finetune: an experiment with one task of labelled sequences.
        genomes: a folder with genomes.tsv; '' simulates a clade.
        promoters: a labelled table or a folder with one; '' takes the simulated table, or none with
            real genomes.
        command: as typed, for the report.
        small: a smaller clade, and fewer rows to interpret.
    """

    directory: pathlib.Path
    pretrain: experiments.Experiment
    finetune: experiments.Experiment
    genomes: str = ''
    promoters: str = ''
    command: str = 'genojax demo'
    small: bool = False

    @property
    def genome_folder(self) -> pathlib.Path:
        return pathlib.Path(self.genomes) if self.genomes else self.directory / 'genomes'

    @property
    def label_table(self) -> str:
        """The table that is fine-tuned on; '' for none."""
        if self.promoters:
            return self.promoters
        return '' if self.genomes else str(self.directory / 'genomes' / 'promoters')

    @property
    def sizes(self) -> 'Sizes':
        return SMALL_SIZES if self.small else SIZES


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes that are no fields of the experiments.

    Attributes:
        clade: fields of `simulate.SimulationConfig`.
        sequences: promoters whose motifs are searched.
        backgrounds, points: of integrated gradients.
        min_seqlets: of a motif.
        windows: of genes whose attention is read.
        control_steps: of the network that is trained on shuffled labels, if the others have more.
        variant_steps: of the probe on labelled variants.
        variant_groups: which contigs are left out and scored; see `VariantEffectsConfig.groups`.
    """

    clade: dict[str, int]
    sequences: int
    backgrounds: int
    points: int
    min_seqlets: int
    windows: int
    control_steps: int = 200
    variant_steps: int = 100
    variant_groups: Literal['every', 'test'] = 'every'

    def simulation(self) -> simulate.SimulationConfig:
        return simulate.SimulationConfig(**self.clade)


SIZES = Sizes({'variant_rows': 400}, 240, 3, 6, 10, 200)
SMALL_SIZES = Sizes(
    {'species': 3, 'length': 80_000, 'genes': 20, 'task_rows': 600, 'variant_rows': 160},
    *(40, 1, 4, 5, 40, 60, 60, 'test'),
)


def only_task(experiment: experiments.Experiment) -> str:
    """The name of an experiment's task.

    Raises:
        UsageError: it has several.
    """
    if len(experiment.tasks) != 1:
        raise errors.UsageError(
            f'the demo fine-tunes with configs of one task, not {len(experiment.tasks)}'
        )
    return experiment.selecting_task


def with_data(experiment: experiments.Experiment, name: str, **fields) -> experiments.Experiment:
    """The experiment with other fields of the data of a task."""
    task = experiment.tasks[name]
    task = dataclasses.replace(task, data=dataclasses.replace(task.data, **fields))
    return dataclasses.replace(experiment, tasks={**experiment.tasks, name: task})


def of_kind(experiment: experiments.Experiment, kind: str) -> str | None:
    """The name of the task of a kind; None if there is none.

    Raises:
        UsageError: there are several.
    """
    names = [name for name, task in experiment.tasks.items() if task.kind == kind]
    if len(names) > 1:
        raise errors.UsageError(f'the demo pretrains one task of kind {kind}, not {len(names)}')
    return names[0] if names else None
