"""Contacts within one's own genome from its sequence: a residual dilated CNN on bins of 128 bp.

For the windows that `genojax hic` writes, which prints the options for path and sizes. 24,576 bp
per window, whose middle 16,384 have contacts between bins of 1,024 bp, as in a simulated clade; for
a mammal's Hi-C 262,144 bp and bins of 4,096.

Hardware: one CPU core, 21 minutes beside other work. On the clade below `genojax evaluate` gives
Pearson r at equal distance, over 64 test windows, of 0.893 (0.878 to 0.904) for the true rates (the
ceiling), 0.616 (0.563 to 0.662) for least squares on GC and oriented motif counts, 0.562 (0.512 to
0.611) without strands, and 0.033 (-0.050 to 0.112) for this network: 362 training windows do not
teach it the motifs that the counts are given. More sequence may; that was not tried.

genojax simulate clade/ --species=4 --length=2000000 --genes=300 --task-rows=0 --hic=1024
genojax hic clade/ --matrices=clade/hic/hic.tsv --out=hic/ --bin=1024 --window=24576 --crop=4096 \\
    --block=8
genojax train --config=hic --config.tasks.hic.data.path=hic/ --workdir=runs/hic
genojax evaluate runs/hic
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import dilated_cnn


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=dilated_cnn.DilatedCnnConfig(width=64, depth=6, inner=32),
            tokenizer=experiment.TokenizerConfig('nucleotide', k=1),
            optim=experiment.OptimConfig(peak=3e-3, warmup=20, weight_decay=0.01),
            tasks={
                'hic': tasks.ContactsConfig(
                    data=tasks.ContactsDataConfig(
                        batch_size=8, length=24_576, crop=4_096, bin=1_024
                    )
                )
            },
            steps=600,
            log_every=20,
            validate_every=40,
            save_every=40,
        )
    )
