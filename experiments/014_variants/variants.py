"""Variants of BRCA1 by saturation genome editing: probe, baselines, zero-shot scores, one table.

python experiments/014_variants/variants.py --data=$GENOJAX_DATA --workdir=runs/variants

Pretrains the demo's DNABERT on 3 Mb of human chromosome 1, scores all variants by it, trains the
probe and leaves out one exon after the other. Prints the tables and writes results.json. What is
done already is not repeated.
"""

import argparse
import csv
import gzip
import json
import pathlib
import re
import time

from genojax import dna, experiment
from genojax.cli import flags
from genojax.data.formats import fasta
from genojax.data.store import ingest
from genojax.predict import loading
from genojax.tasks.variant_effects import evaluate
from genojax.train import loop, runs
from genojax.variants import score_file, scorer

HERE = pathlib.Path(__file__).parent
TRANSCRIPT = 'ENST00000357654'
SHIFT = 1_847_983  # from GRCh37 to GRCh38, chr17
PRETRAINING = {'steps': '1000', 'validate_every': '500', 'save_every': '500'}
NEUTRAL = 16  # sites per pentanucleotide


def prepare(data: pathlib.Path, folder: pathlib.Path) -> int:
    """Writes genome, annotation, table and VCF in coordinates of the GRCh38 piece; their number.

    The genome also holds the soft-masked piece of chromosome 1, for neutral sites.
    """
    source = data / 'variants_brca1'
    (record,) = fasta.read(source / 'hg38_chr17_43024295_43145483.fa.gz')
    start = int(re.match(r'chr17:(\d+)-', record.name)[1])
    human = gzip.open(data / 'human_chr1_3mb_hg19' / 'hg19_chr1_1_3004950.fa.gz', 'rt').read()
    text = dna.decode(record.codes)
    (folder / 'genome.fa').write_text(f'>chr17\n{text}\n{human}')
    shift = SHIFT - (start - 1)
    with gzip.open(source / 'BRCA1_GRCh37.gtf.gz', 'rt') as file:
        rows = [line.split('\t') for line in file if not line.startswith('#')]
    for row in rows:
        row[0], row[3], row[4] = 'chr17', str(int(row[3]) + shift), str(int(row[4]) + shift)
    (folder / 'brca1.gtf').write_text(''.join('\t'.join(row) for row in rows))
    with gzip.open(source / 'brca1_sge_exons2-5_15-17.csv.gz', 'rt') as file:
        variants = list(csv.DictReader(file))
    table = ['contig\tposition\tref\talt\tlabel\texon\tphyloP\tCADD']
    calls = ['##fileformat=VCFv4.2', '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO']
    for row in variants:
        place = f'chr17\t{int(row["pos_hg38"]) - start + 1}'
        alleles = f'{row["reference"]}\t{row["alt"]}'
        more = (row['func.class'], row['experiment'], row['phyloP_mammalian'], row['CADD.score'])
        table.append('\t'.join((place, alleles, *more)))
        calls.append(f'{place}\t.\t{alleles}\t.\t.\t.')
    (folder / 'variants.tsv').write_text('\n'.join(table) + '\n')
    (folder / 'variants.vcf').write_text('\n'.join(calls) + '\n')
    return len(variants)


def pretrain(data: pathlib.Path, folder: pathlib.Path) -> None:
    """Trains the language model, in the folder `pretrain`."""
    genomes, shards = folder / 'genomes', folder / 'shards'
    if not shards.exists():
        genomes.mkdir(exist_ok=True)
        source = data / 'human_chr1_3mb_hg19'
        names = 'hg19_chr1_1_3004950.fa.gz', 'hg19_chr1_exons.gtf.gz'
        columns = ('species', 'fasta', 'contigs', 'annotation', 'circular', 'softmasked')
        row = ('human', source / names[0], '*', source / names[1], 'no', 'yes')
        lines = ['\t'.join(columns), '\t'.join(map(str, row))]
        (genomes / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
        ingest.ingest(genomes, shards)
    values = flags.load('demo')
    for name, text in {**PRETRAINING, 'tasks.masked_lm.data.shards': str(shards)}.items():
        flags.override(values, name, text)
    trained(values, folder / 'pretrain').close()


def trained(values, workdir: pathlib.Path) -> runs.Run:
    """The run of a config, trained to its end."""
    run = runs.open_run(experiment.from_config(values), workdir)
    loop.train(run)
    return run


def score(pretrained: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes zero-shot scores and calibrated ones of all variants, scores.tsv."""
    request = score_file.FileRequest(
        vcf=str(folder / 'variants.vcf'),
        fasta=str(folder / 'genome.fa'),
        out=str(folder / 'scores.tsv'),
        table=True,
        neutral=NEUTRAL,
        annotation=str(folder / 'brca1.gtf'),
        transcripts=(TRANSCRIPT,),
    )
    options = scorer.ScoreConfig(scores=('likelihood', 'distance'))
    known = scorer.VariantScorer(loading.load(pretrained), options)
    print(score_file.run(known, request).text(request.out))


def probe(pretrained: pathlib.Path, scores: pathlib.Path, folder: pathlib.Path) -> dict:
    """The evaluation of the probe beside everything else."""
    values = flags.load('variant_effects')
    data = {
        'path': folder / 'variants.tsv',
        'fasta': folder / 'genome.fa',
        'annotation': folder / 'brca1.gtf',
        'transcripts': [TRANSCRIPT],
        'group_column': 'exon',
        'positive': ['LOF'],
        'negative': ['FUNC'],
        'intermediate': ['INT'],
        'features': ['phyloP'],
        'scores': ['phyloP', 'CADD'],
        'score_file': scores,
    }
    for name, value in data.items():
        text = json.dumps(value) if isinstance(value, list) else str(value)
        flags.override(values, f'tasks.variants.data.{name}', text)
    flags.override(values, 'init_from', str(pretrained))
    run = trained(values, folder / 'probe')
    task = run.tasks['variants']
    print('\n'.join(run.datasets['variants'].summary))
    result = task.evaluate(run.trained(run.restore_best()), run.datasets['variants'])
    run.close()
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    options.workdir.mkdir(parents=True, exist_ok=True)
    seconds = {}

    def timed(name, function, *values):
        started = time.process_time()
        result = function(*values)
        seconds[name] = round(time.process_time() - started)
        return result

    pretrained, scores = options.workdir / 'pretrain', options.workdir / 'scores.tsv'
    if not scores.exists():
        prepare(options.data, options.workdir)
        timed('pretraining', pretrain, options.data, options.workdir)
        timed('scores', score, pretrained, options.workdir)
    result = timed('probe and baselines', probe, pretrained, scores, options.workdir)
    (options.out / 'results.json').write_text(
        json.dumps({'cpu_seconds': seconds, **result}, indent=1) + '\n'
    )
    print(evaluate.as_text(result))
    print(f'CPU seconds: {seconds}')


if __name__ == '__main__':
    main()
