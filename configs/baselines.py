"""The two older families that transformers are measured against, on one's own labelled sequences.

`basset` (Kelley et al. 2016) at its published size: 600 bp, 3,972,902 parameters; with the
published head of 164 outputs in place of the task's two classes, 4,135,064. Sequences shorter than
600 bp are padded; set `--config.model.length` to their length instead, and for less than 121 bp
`--config.model.padding=same`, which needs no whole windows. `gru`: a bidirectional GRU, 102,914
parameters.

Hardware: one GPU, or a CPU for short sequences: experiments/004_older_families trains both on 70 bp
promoters in minutes and has the numbers to expect. Basset on its own data of 600 bp was not run
here (published mean AUC over 164 cell types: 0.895).

genojax train --config=baselines:basset --config.tasks.promoters.data.path=FILE \\
    --workdir=runs/basset
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import basset, recurrent

VARIANTS = ('basset', 'gru')


def get_config(variant: str = 'basset') -> ml_collections.ConfigDict:
    if variant == 'basset':
        model = basset.BassetConfig(vocab=10, targets=0)
        # The last dropout is the model's own, after its second hidden layer.
        task = tasks.ClassificationConfig(
            classes=2, dropout=0.0, data=tasks.LabelledDataConfig(batch_size=128)
        )
        peak, steps = 1e-3, 1_000
    else:
        model = recurrent.RecurrentConfig(
            vocab=10, cell='gru', width=128, dropout=0.2, language_model=False
        )
        task = tasks.ClassificationConfig(
            classes=2, pool='first', dropout=0.3, data=tasks.LabelledDataConfig(batch_size=32)
        )
        peak, steps = 2e-3, 600
    return experiment.to_config(
        experiment.Experiment(
            model=model,
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=experiment.OptimConfig(peak=peak, warmup=50),
            tasks={'promoters': task},
            steps=steps,
            log_every=50,
            validate_every=50,
            save_every=steps,
        )
    )
