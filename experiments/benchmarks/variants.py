"""Variants per CPU second: shared masked passes beside one forward pass per allele.

    PYTHONPATH=. python experiments/benchmarks/variants.py [--fasta=FASTA] [--sites=64]

All three SNVs of each of some sites of a genome (random bases by default), on both strands, by a
BERT of random weights per tokenizer. Both ways are timed in turn in one process after a warm-up, in
CPU time; the scores of both are compared. The lines are appended to results/variants.jsonl.
"""

import argparse
import json
import pathlib
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import meta

from genojax import dna, genome, models, tokenizers
from genojax.data.formats import fasta
from genojax.inference import pretrained
from genojax.inference.model import Model
from genojax.models import bert
from genojax.variants import scorer

RESULTS = pathlib.Path(__file__).parent / 'results' / 'variants.jsonl'
TOKENIZERS = {
    'kmer6': tokenizers.TokenizerConfig('kmer', 6),
    'nucleotide': tokenizers.TokenizerConfig('nucleotide', 1),
    'nonoverlapping6': tokenizers.TokenizerConfig('nonoverlapping', 6, 'v2'),
}


def random_model(config: tokenizers.TokenizerConfig) -> Model:
    """A BERT of random weights, 128 wide and 4 deep."""
    tokenizer = tokenizers.make(config)
    network = bert.BertConfig(
        vocab=tokenizer.vocab_size,
        pad_id=tokenizer.special.pad,
        width=128,
        depth=4,
        heads=4,
        inner=512,
        max_tokens=512,
        unroll=4,
    )
    init = jax.jit(models.build(network).init)
    params = meta.unbox(init(jax.random.key(0), jnp.full((1, 8), 7)))['params']
    return Model(pretrained.PretrainedModel(network, config, params, {}, {}))


def snvs(codes: np.ndarray, sites: int) -> list[genome.Variant]:
    """The three SNVs of evenly spaced known bases."""
    known = np.flatnonzero(codes < dna.UNKNOWN)
    variants = []
    for at in known[np.linspace(0, len(known) - 1, sites).astype(int)].tolist():
        reference = dna.ALPHABET[codes[at]]
        others = dna.ALPHABET.replace(reference, '')
        variants += [genome.Variant('c', at, reference, other) for other in others]
    return variants


def measure(name: str, variants, codes: np.ndarray, rounds: int) -> dict:
    """CPU seconds of both ways, the best of `rounds`, and the largest difference of scores."""
    scored = scorer.VariantScorer(random_model(TOKENIZERS[name]), window=256)
    seconds, values, passes = {}, {}, {}
    for round_number in range(rounds + 1):
        for shared in (True, False):
            scored.masked.shared = shared
            before, started = scored.masked_passes, time.process_time()
            values[shared] = scored.score(variants, {'c': codes}).values['LLR']
            spent = time.process_time() - started
            passes[shared] = scored.masked_passes - before
            if round_number:  # the first compiles
                seconds[shared] = min(spent, seconds.get(shared, np.inf))
    count = len(variants)
    return {
        'tokenizer': name,
        'variants': count,
        'passes': passes[True],
        'passes_per_allele': passes[False],
        'variants_per_cpu_second': round(count / seconds[True], 2),
        'variants_per_cpu_second_per_allele': round(count / seconds[False], 2),
        'speedup': round(seconds[False] / seconds[True], 2),
        'largest_difference': float(np.abs(values[True] - values[False]).max()),
        'jax': jax.__version__,
        'machine': platform.processor() or platform.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--fasta', type=pathlib.Path)
    parser.add_argument('--sites', type=int, default=64)
    parser.add_argument('--rounds', type=int, default=2)
    arguments = parser.parse_args()
    if arguments.fasta:
        codes = next(fasta.read(arguments.fasta)).codes
    else:
        codes = np.random.default_rng(0).integers(0, 4, 100_000).astype(np.uint8)
    variants = snvs(codes, arguments.sites)
    for name in TOKENIZERS:
        line = json.dumps(measure(name, variants, codes, arguments.rounds))
        print(line)
        with open(RESULTS, 'a', encoding='utf-8') as file:
            file.write(line + '\n')


if __name__ == '__main__':
    main()
