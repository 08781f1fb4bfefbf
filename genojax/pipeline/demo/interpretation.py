"""What the networks have learned: motifs of the promoters, and attention between splice sites.

The files that it writes are those of `pipeline.interpretations`, which draws them in the report.
"""

import pathlib

import numpy as np

from genojax import errors, progress
from genojax.data.formats import annotation, fasta, genome_table
from genojax.interpret import attention, attribution, outputs, splice_sites
from genojax.interpret.motifs import constant, discovery, meme, tomtom
from genojax.interpret.motifs import control as motif_control
from genojax.pipeline import interpretations
from genojax.pipeline.demo import pretraining, promoters, settings
from genojax.pipeline.demo.stages import Stages
from genojax.predict import loading, request
from genojax.simulate import grammar as grammars
from genojax.simulate import motifs as simulated_motifs
from genojax.train import runs

Q_VALUE = 0.05
_FEWEST_GENES = 8  # half of them choose a head
_SHUFFLED_COPIES = 2  # of each known motif, with shuffled columns: decoys of the comparison


def find_motifs(stages: Stages, demo: settings.Demo) -> None:
    """Motifs of test promoters, in the fine-tuned network and in the one of shuffled labels."""
    folder, file = demo.directory, interpretations.path_of('motifs')
    with stages('motifs', str(file)) as due:
        if not due:
            return
        sequences = [record.codes for record in fasta.read(folder / promoters.POSITIVES)]
        sequences = sequences[: demo.sizes.sequences]
        config = discovery.MotifConfig(min_seqlets=demo.sizes.min_seqlets)
        task = settings.only_task(demo.finetune)
        tuned = folder / promoters.FOLDER
        values, bases, spread = _attributions(tuned, task, sequences, demo.sizes)
        seqlets = discovery.find_seqlets(sequences, values, config, bases=bases)
        clusters = discovery.clusters(seqlets, config)
        reported = [one.motif for one in clusters]
        meme.write(folder / file.with_suffix('.meme'), reported)
        shuffled = folder / promoters.SHUFFLED_FOLDER
        values, bases, control_spread = _attributions(shuffled, task, sequences, demo.sizes, True)
        control = discovery.find_seqlets(sequences, values, config, bases=bases)
        # Rows of both classes: what the promoters alone share may be what tells them apart.
        every = request.read_table(folder / promoters.SHUFFLED).regions
        columns = constant.ConstantColumns([every.codes(row) for row in range(len(every))])
        result = {
            'sequences': len(sequences),
            'steps': runs.read_experiment(tuned).steps,
            'spread': spread,
            'seqlets': seqlets.total,
            'motifs': [_as_json(motif) for motif in reported],
            'constant_parts': constant.words(columns.parts(clusters, sequences), columns),
            'control': {
                'steps': runs.read_experiment(shuffled).steps,
                'spread': control_spread,
                'seqlets': control.total,
                'motifs': len(discovery.cluster(control, config)),
            },
        }
        if not demo.promoters and not demo.genomes:
            result |= _compared(reported)
        runs.write_json(folder / file, result)
    stages.say(interpretations.motif_sentence(result))


def _attributions(
    run: pathlib.Path, task: str, sequences, sizes: settings.Sizes, last: bool = False
) -> tuple[list, list | None, float]:
    """Attributions of each base, of every base in its place where tokens allow that, and the
    spread of the outputs; of a control at its `last` checkpoint."""
    model = loading.load(run, last=last)
    head = outputs.select(model, task)
    total = attribution.count(len(sequences), sizes.backgrounds, sizes.points)
    with progress.bar(f'attribution of {run.name}, gradients', total) as display:
        results = attribution.integrated_gradients(
            model,
            head,
            sequences,
            backgrounds=sizes.backgrounds,
            steps=sizes.points,
            every_base=True,
            advance=display.advance,
        )
    every = [result.bases_L4 for result in results]
    known = all(bases_L4 is not None for bases_L4 in every)
    outside = [result.output for result in results], [result.background for result in results]
    values = [result.values_L for result in results]
    return values, every if known else None, motif_control.spread_of(*outside)


def _as_json(motif: meme.MotifMatrix) -> dict:
    return {'name': motif.name, 'sites': motif.sites, 'p_W4': np.round(motif.p_W4, 4).tolist()}


def known_motifs(seed: int = 0) -> tuple[list[str], list[meme.MotifMatrix]]:
    """Names of the planted motifs, and all matrices that motifs are compared with: those of the
    simulator, and copies with shuffled columns."""
    planted = sorted({slot.motif for c in grammars.DEFAULT.classes for slot in c.slots})
    rng, known = np.random.default_rng(seed), []
    for motif in simulated_motifs.MOTIFS:
        known.append(meme.MotifMatrix(motif.name, motif.matrix_W4, 100))
        for number in range(_SHUFFLED_COPIES):
            shuffled_W4 = rng.permutation(motif.matrix_W4)
            known.append(meme.MotifMatrix(f'{motif.name}_shuffled{number}', shuffled_W4, 100))
    return planted, known


def _compared(reported: list[meme.MotifMatrix]) -> dict:
    """The planted motifs, and the best match of each motif among them and decoys."""
    planted, known = known_motifs()
    matches = {}
    for motif in reported:
        best = tomtom.matches(motif, known)[0]
        if best.q_value < Q_VALUE:
            matches[motif.name] = {
                'target': best.target,
                'q_value': best.q_value,
                'strand': best.strand,
            }
    return {
        'planted': [_as_json(motif) for motif in known if motif.name in planted],
        'compared_with': len(known),
        'matches': matches,
    }


def attend_splice_sites(stages: Stages, demo: settings.Demo) -> None:
    """Attention of the pretrained network between the ends of introns, of the first species that
    has enough of them."""
    folder, file = demo.directory, interpretations.path_of('splice_attention')
    with stages('splice attention', str(file)) as due:
        if not due:
            return
        species, windows, left_out = _introns(demo)
        if not species:
            stages.say('no species has annotated introns: attention at splice sites is left out')
            return
        result = {'species': species, 'left_out': left_out, **_attention(demo, windows)}
        (folder / file).parent.mkdir(exist_ok=True)
        runs.write_json(folder / file, result)
    stages.say(interpretations.splice_sentence(result))


def _introns(demo: settings.Demo) -> tuple[str, list[splice_sites.GeneWindow], dict[str, int]]:
    """A species, its windows with introns, and what was left out; '' for no species."""
    length = _readable(demo)
    for row in genome_table.read(demo.genome_folder).rows:
        if row.annotation is None:
            continue
        contigs = {record.name: record.codes for record in fasta.read(row.fasta)}
        try:
            source = annotation.read(row.annotation)
            windows, left_out = splice_sites.windows(contigs, source, length)
        except errors.InputError as error:
            if error.code != 'BD09':  # no gene on these contigs
                raise
            continue
        if len({window.gene for window in windows}) >= _FEWEST_GENES:
            return row.species, windows, left_out
    return '', [], {}


def _attention(demo: settings.Demo, windows: list[splice_sites.GeneWindow]) -> dict:
    model = loading.load(demo.directory / pretraining.FOLDER)
    order = np.random.default_rng(0).permutation(len(windows))[: demo.sizes.windows]
    windows = [windows[number] for number in np.sort(order).tolist()]
    with progress.bar('attention', len(windows)) as display:
        result = attention.splice_attention(model, windows, advance=display.advance)
    estimates = {
        'chosen head': result.chosen_test,
        'chosen head, decoys with the donor of the intron': result.same_donor_test,
        'chosen head, decoys with the acceptor of the intron': result.same_acceptor_test,
        'rollout, donor to acceptor': result.rollout_test,
        'length of the intron alone': result.length_test,
    }
    layer, head, direction = result.chosen
    return {
        'chosen': [layer, head, attention.DIRECTIONS[direction]],
        'introns': list(result.introns),
        'test_genes': result.test_genes,
        'decoys': list(result.decoys),
        'training_of_heads': result.training[..., direction].tolist(),
        'scores': {name: [float(x) for x in estimate] for name, estimate in estimates.items()},
    }


def _readable(demo: settings.Demo) -> int:
    """Bases of the longest rows that the pretraining read."""
    trained = runs.read_experiment(demo.directory / pretraining.FOLDER)
    length = trained.tasks[settings.of_kind(trained, 'masked_lm')].data.mixture.length
    genes = settings.of_kind(trained, 'contrastive')
    return max(length, trained.tasks[genes].data.length) if genes else length
