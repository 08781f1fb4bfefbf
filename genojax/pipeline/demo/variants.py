"""Effects of labelled variants: scores of the pretrained network, and a probe on its vectors."""

import pathlib

from genojax import experiment as experiments
from genojax import metrics, output_files, tasks
from genojax.data.formats import genome_table
from genojax.data.formats.variant_files import variant_table
from genojax.optim import trainable
from genojax.pipeline import evaluation
from genojax.pipeline.demo import settings
from genojax.pipeline.demo.pretraining import FOLDER as PRETRAINED
from genojax.pipeline.demo.stages import Stages
from genojax.predict import loading
from genojax.simulate.labelled import variants as simulated
from genojax.train import loop, runs
from genojax.variants import score_file, scorer

FOLDER = TASK = 'variants'
_VCF, _SCORES = 'variants.vcf', 'variants.scores.tsv'


def predict_effects(stages: Stages, demo: settings.Demo) -> None:
    """Scores the variants of the first species, and compares every method on held-out contigs."""
    table = demo.genome_folder / settings.VARIANTS
    if not table.exists():
        stages.say(f'no {table}: the effects of variants are left out')
        return
    folder = demo.directory
    if evaluation.path_of(folder / FOLDER, TASK).exists():
        stages.say('variants: done before')
        return
    with stages('variant scores', _SCORES) as due:
        genome = genome_table.read(demo.genome_folder).rows[0]
        if due:
            _score(folder, table, genome.fasta)
    with stages('variant effects'):
        experiment = _experiment(demo, table, genome)
        run = runs.open_run(experiment, folder / FOLDER, say=stages.say)
        print(run.summary())
        loop.train(run)
        for _, result, _ in evaluation.evaluate_run(run):
            _say(stages, result)
        run.close()


def _experiment(demo: settings.Demo, table, genome) -> experiments.Experiment:
    """A probe on the frozen encoder, beside baselines."""
    data = tasks.VariantsDataConfig(
        path=str(table),
        fasta=str(genome.fasta),
        annotation='' if genome.annotation is None else str(genome.annotation),
        score_file=str(demo.directory / _SCORES),
    )
    steps = demo.sizes.variant_steps
    return experiments.Experiment(
        model=demo.pretrain.model,
        tokenizer=demo.pretrain.tokenizer,
        init_from=str(demo.directory / PRETRAINED),
        optim=experiments.OptimConfig(
            peak=1e-3, warmup=min(20, steps // 2), train=trainable.ProbeTraining()
        ),
        tasks={TASK: tasks.VariantEffectsConfig(groups=demo.sizes.variant_groups, data=data)},
        steps=steps,
        log_every=max(1, steps // 6),
        validate_every=max(1, steps // 6),
        save_every=steps,
        seed=demo.pretrain.seed,
    )


def _score(folder: pathlib.Path, table: pathlib.Path, fasta: pathlib.Path) -> None:
    """Writes a VCF of the table's variants and scores it."""
    rows = [
        (variant.contig, variant.position + 1, variant.reference, variant.alternate)
        for variant in variant_table.read(table).variants
    ]
    with output_files.replaced(folder / _VCF) as partial:
        partial.write_text('\n'.join(simulated.vcf_lines(rows)) + '\n')
    request = score_file.FileRequest(
        vcf=str(folder / _VCF), fasta=str(fasta), out=str(folder / _SCORES), table=True
    )
    options = scorer.ScoreConfig(scores=('likelihood', 'distance'))
    known = scorer.VariantScorer(loading.load(folder / PRETRAINED), options)
    print(score_file.run(known, request).text(str(folder / _SCORES)))


def _say(stages: Stages, result: dict) -> None:
    """The AUROC of every method on all variants, and the ceiling."""
    (label, *_) = result['labels']
    every = result['labels'][label]['sets'] or result['labels'][label][result['split']]
    rows = {name: row['auroc'] for name, row in every['all']['models'].items() if row['auroc']}
    for name, auroc in sorted(rows.items(), key=lambda item: -item[1][0]):
        stages.say(f'variants, AUROC: {name} {metrics.format_interval(auroc)}')
    ceiling = every['all'].get('ceiling')
    if ceiling:
        stages.say(f'variants, known ceiling: {metrics.format_interval(ceiling["auroc"])}')
