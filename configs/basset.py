"""Basset (Kelley et al. 2016) at its published size on labelled sequences of one's own: 600 bp, 3,972,902 parameters.

With the published head of 164 outputs in place of the task's two classes they are 4,135,064. Sequences shorter than
600 bp are filled up; set `--config.model.length` to their length instead, and for less than 121 bp
`--config.model.padding=same`, which needs no whole windows.

Hardware: one GPU, or a CPU for short sequences: experiments/004_older_families trains it on 70 bp promoters in minutes. On
its own data of 600 bp not run here: no number to expect (published mean AUC of 164 cell types 0.895).

genojax train --config=basset --config.tasks.promoters.data.path=FILE --workdir=runs/basset
"""

import ml_collections

from genojax import experiment, optim, tasks
from genojax.models import basset


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=basset.BassetConfig(vocab=10, targets=0),
            # The last dropout is the model's own, after its second hidden layer.
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=optim.OptimConfig(peak=1e-3, warmup=50),
            tasks={
                'promoters': tasks.ClassificationConfig(
                    classes=2, dropout=0.0, data=tasks.LabelledDataConfig(batch_size=128)
                )
            },
            steps=1_000,
            log_every=50,
            validate_every=50,
            save_every=1_000,
        )
    )
