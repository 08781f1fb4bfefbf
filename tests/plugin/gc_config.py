"""GC content by a small convolutional network over codons: a config of one's own.

Hardware: one CPU core, seconds.

genojax train --config=gc_config.py --workdir=runs/gc
"""

from gc_content import GcContentConfig
from gc_content.codon import CodonConfig
from gc_content.dilated import DilatedConfig

from genojax import experiment, optim


def get_config():
    return experiment.to_config(
        experiment.Experiment(
            model=DilatedConfig(vocab=73),
            tokenizer=CodonConfig(),
            optim=optim.OptimConfig(peak=1e-2, warmup=5),
            tasks={'gc': GcContentConfig()},
            steps=40,
            log_every=1,
            validate_every=20,
            save_every=10,
        )
    )
