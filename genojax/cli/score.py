"""Score the variants of a VCF file by any model: VCF in, the same VCF with scores out.

MODEL is a run's workdir or a directory written by `genojax convert`. The output has the records of
the input, in order and byte for byte but for INFO. Every ALT allele has a state in INFO/GENOJAX:
'scored', or the reason why it has no score. Scores are Number=A floats: GENOJAX_LLR (substitutions;
log2 p(ALT) - log2 p(REF) with the site masked, below 0 where the model prefers REF), GENOJAX_PLL
(insertions, deletions and delins: pseudo-log-likelihood of two windows of equal length),
GENOJAX_DISTANCE (embeddings), GENOJAX_TRACKS and GENOJAX_TRACKS_L2 (coverage models), and
GENOJAX_EFFECT (the probability of an effect, by runs that trained on labelled variants; a head that
was trained with annotation needs --annotation, and its columns of numbers as INFO keys). Both
strands are averaged. With --annotation, INFO/GENOJAX also has what each ALT does to transcripts:
consequence terms of the Sequence Ontology, gene, transcript, amino acids.

The model reads --window bases around a variant. A window longer than it reads, or than its training
rows where positions are learned, is an error that names the limit; an allele longer than half a
window has the state 'too_long'.

An interrupted command continues where it stopped when it is given again, with the same output.

Examples:
  genojax score runs/pretrain --vcf=my.vcf.gz --fasta=genome.fa --out=scored.vcf.gz
  genojax score runs/pretrain --vcf=my.vcf.gz --fasta=genome.fa --out=scores.tsv
  genojax score runs/pretrain --vcf=my.vcf.gz --fasta=genome.fa --annotation=genes.gff3 --out=a.vcf
"""

import argparse
import os
import pathlib
import sys
from collections.abc import Callable

from genojax import errors, output_files, progress, variants
from genojax.cli import flags
from genojax.data.formats.variant_files import variant_table


def run(argv: list[str]) -> None:
    arguments = _parse(argv)

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax.predict import loading
        from genojax.variants import score_file, scorer

    model = loading.load(arguments.model, window=arguments.window, fallback=arguments.fallback)
    flags.say_left_out(model.metadata)
    options = scorer.ScoreConfig(
        scores=tuple(arguments.score.split(',')) if arguments.score else (),
        window=arguments.window,
        check_ref=arguments.check_ref,
        pll_masks=arguments.pll_masks,
        both_strands=not arguments.forward_only,
        vep_alleles=arguments.vep_alleles,
    )
    request = score_file.FileRequest(
        vcf=arguments.vcf,
        fasta=str(arguments.fasta),
        out=arguments.out,
        table=arguments.tsv,
        tag=arguments.tag,
        neutral=arguments.neutral,
        common=arguments.common,
        calibration=arguments.calibration,
        annotation=arguments.annotation,
        transcripts=tuple(filter(None, arguments.transcripts.split(','))),
        genetic_code=arguments.genetic_code,
    )
    variant_scorer = scorer.VariantScorer(model, options)
    if 'likelihood' in variant_scorer.kinds:
        flags.say_lm_head(model.metadata)
    summary = score_file.run(variant_scorer, request)
    out = sys.stderr if arguments.out == score_file.STREAM else sys.stdout
    print(summary.text(arguments.out), file=out)


def _parse(argv: list[str]) -> argparse.Namespace:
    """The flags.

    Raises:
        UsageError: flags that do not go together, or a file that cannot be written.
    """
    parser = flags.Parser('score', __doc__)
    _add_files(parser.add_argument)
    _add_scores(parser.add_argument)
    _add_calibration(parser.add_argument)
    flags.add_fallback(parser)
    arguments = parser.parse_args(argv)
    _check(arguments)
    return arguments


def _add_files(add: Callable) -> None:
    add('model', type=flags.location, help="a run's workdir or a converted model")
    add('--vcf', required=True, help='the variants: plain, gzip or bgzip; - is standard input')
    add('--fasta', type=pathlib.Path, required=True, help='the reference genome, plain or gzip')
    add('--out', required=True, help='.vcf, .tsv, or with .gz (bgzip); - is standard output')
    tsv = 'write a table with one row per ALT instead of VCF, as a name in .tsv says too'
    add('--tsv', action='store_true', help=tsv)
    tag = 'INFO key of the states, with which all keys begin (%(default)s)'
    add('--tag', default='GENOJAX', help=tag)


def _add_scores(add: Callable) -> None:
    add(
        '--score',
        default='',
        metavar='NAMES',
        help='of effect, likelihood, distance, tracks, with commas (default: the first of effect, '
        'likelihood, tracks, distance that the model has)',
    )
    add(
        '--window',
        type=flags.positive,
        default=0,
        help=f'bases that are read around a variant (default: {variants.DEFAULT_WINDOW}, or as '
        'many as the model reads or was trained on); longer than in training is rarely better',
    )
    add(
        '--check-ref',
        choices=('e', 'w', 'x', 's'),
        default='w',
        help='REF that differs from the FASTA file, as in bcftools norm: w: state ref_mismatch, no '
        'score, and stop if more than 10 %% of 100 records, or half of 4, do; e: stop; x: leave '
        'the record out; s: set REF (%(default)s)',
    )
    add(
        '--pll-masks',
        type=int,
        default=0,
        metavar='N',
        help='for PLL, hide every N-th base or token together, in N passes (default: as many '
        f'as hide {100 * variants.MASKED_SHARE:.0f} %% of them); -1: one at a time',
    )
    add('--forward-only', action='store_true', help='do not average over the two strands')
    add('--vep-alleles', action='store_true', help="read '-' as an empty allele, as VEP writes it")


def _add_calibration(add: Callable) -> None:
    add(
        '--neutral',
        type=flags.positive,
        default=0,
        metavar='N',
        help='calibrate: LLR minus the mean of N neutral (soft-masked) sites per pentanucleotide '
        'and alternate, PLL minus that of neutral indels of as many bases; 24 is enough',
    )
    add('--common', default='', metavar='VCF', help='add quantiles among these common variants')
    add('--calibration', default='', metavar='FILE', help='store it (.npz) for the next VCF')
    add(
        '--annotation',
        default='',
        metavar='FILE',
        help='GTF, GFF3 or BED12 of the genome: add the consequence of every ALT for transcripts, '
        'the most severe one',
    )
    add('--transcripts', default='', metavar='IDS', help='only these transcripts, with commas')
    add(
        '--genetic-code',
        type=int,
        default=1,
        metavar='N',
        help="NCBI's number: 1, 2, 4, 5 or 11 (%(default)s)",
    )


def _check(arguments: argparse.Namespace) -> None:
    _check_out(arguments.out)
    variant_table.is_table(arguments.out, arguments.tsv)
    if not arguments.tag.isidentifier():
        raise errors.UsageError(f'--tag={arguments.tag} is not letters, digits and _')
    if arguments.calibration and not (arguments.neutral or arguments.common):
        raise errors.UsageError('--calibration=FILE goes with --neutral=N or --common=VCF')
    if arguments.transcripts and not arguments.annotation:
        raise errors.UsageError('--transcripts=IDS goes with --annotation=FILE')
    if arguments.annotation and not os.path.exists(arguments.annotation):
        raise errors.absent(arguments.annotation, '--annotation')
    if arguments.common == '-':
        raise errors.UsageError('--common=-: common variants are read from a file, not from a pipe')
    if not arguments.fasta.exists():  # what is there, but no file, its reader refuses
        raise errors.absent(arguments.fasta, '--fasta')


def _check_out(out: str) -> None:
    output_files.check_file(out)
    if out.endswith('.bcf'):
        raise errors.UsageError('--out=FILE.bcf: write --out=- | bcftools view -Ob -o FILE.bcf')
