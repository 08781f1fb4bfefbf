"""A bidirectional GRU on labelled sequences of one's own, the recurrent family's baseline: 103,426 parameters.

Hardware: a CPU for short sequences: experiments/004_older_families trains it on 70 bp promoters in minutes, and has the
numbers to expect.

genojax train --config=recurrent --config.tasks.promoters.data.path=FILE --workdir=runs/recurrent
"""

import ml_collections

from genojax import experiment, optim, tasks
from genojax.models import recurrent


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=recurrent.RecurrentConfig(
                vocab=10, cell='gru', width=128, dropout=0.2, language_model=False
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=optim.OptimConfig(peak=2e-3, warmup=50),
            tasks={
                'promoters': tasks.ClassificationConfig(
                    classes=2,
                    pool='first',
                    dropout=0.3,
                    data=tasks.LabelledDataConfig(batch_size=32),
                )
            },
            steps=600,
            log_every=50,
            validate_every=50,
            save_every=600,
        )
    )
