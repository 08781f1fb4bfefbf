"""A gene with labelled variants: those that change the protein have an effect, with noise."""

import numpy as np
import pytest

from genojax import dna, genome, models
from genojax.models import bert
from genojax.tasks.variant_effects import labelled_variants, objective
from genojax.tokenizers import kmer
from genojax.variants.consequences import terms
from tests.variants.consequences import genes

MODEL = bert.BertConfig(
    vocab=kmer.vocab_size(3), width=8, depth=1, heads=2, inner=16, max_tokens=64, dropout=0.0,
    attention_dropout=0.0,
)  # fmt: skip


@pytest.fixture(scope='package')
def files(tmp_path_factory):
    """A folder with genome.fa, gene.gtf and variants.tsv."""
    folder = tmp_path_factory.mktemp('variant_effects')
    (folder / 'genome.fa').write_text(f'>c\n{genes.bases()}\n')
    finder = genes.annotator_of(folder, mirrored=False)
    rng = np.random.default_rng(0)
    lines = ['contig\tposition\tref\talt\tlabel\texon\tphylop']
    for position in range(6_000, 6_100):
        base = dna.decode(finder.contigs['c'][position : position + 1])
        for other in dna.ALPHABET.replace(base, ''):
            effect = finder.effect(genome.Variant('c', position, base, other))
            score = terms.tier(effect.term) + rng.normal() * 0.7
            label = 'LOF' if score > 1.6 else 'INT' if score > 1.3 else 'FUNC'
            group = f'e{(position - 6_000) // 20}'
            lines.append(f'c\t{position + 1}\t{base}\t{other}\t{label}\t{group}\t{score:.2f}')
    (folder / 'variants.tsv').write_text('\n'.join(lines) + '\n')
    return folder


@pytest.fixture(scope='package')
def task_of(files):
    """Options of the data -> an unopened task."""

    def build(annotated=True, **options):
        data = labelled_variants.VariantsDataConfig(
            **{
                'path': str(files / 'variants.tsv'),
                'fasta': str(files / 'genome.fa'),
                'annotation': str(files / 'gene.gtf'),
                'group_column': 'exon',
                'positive': ('LOF',),
                'negative': ('FUNC',),
                'intermediate': ('INT',),
                'features': ('phylop',),
                'scores': ('phylop',),
                'window': 32,
                'batch_size': 16,
                **options,
            }
        )
        config = objective.VariantEffectsConfig(data=data, annotated=annotated, per_class=8)
        return config.build('variants', models.build(MODEL), kmer.KmerTokenizer(3))

    return build


@pytest.fixture(scope='package')
def opened(task_of, files):
    """A task and its datasets."""
    task = task_of()
    return task, task.open(files, 0)
