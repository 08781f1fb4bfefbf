"""What an error suggests is pasted onto the command that failed, which then gets past it.

`commands.fixes` collects every fix in the package that has something to paste; each is provoked
here, or named in `ELSEWHERE` with the test that does it. Work that follows a check (training,
embedding) is not done: it raises `Past`.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import types

import jax
import pytest

from genojax import errors, sharding, versions
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.data.datasets import base
from genojax.inference import embedding, prediction
from genojax.interpret import attribution, dependency, first_layer, mutagenesis
from genojax.pipeline import demo
from genojax.plan import plan
from genojax.tasks.classification import evaluate as classification
from genojax.tasks.coverage import dataset as coverage
from genojax.tasks.masked_lm import evaluate as masked_evaluation
from genojax.train import log, loop, records, workdir
from genojax.variants import scorer
from tests import commands, fix_inputs

pytestmark = pytest.mark.usefixtures('one_device')

FIXES = commands.fixes()
# A word of the fix -> the test that pastes it, or why it cannot be pasted in a test.
ELSEWHERE = {
    'genojax demo --small or': 'tests/inference/test_pretrained.py: makes a run, which takes long',
    'genojax download': 'tests/download/test_job.py',
    'another --out=DIR': 'tests/download/test_transfer.py',
    'more devices, sharded by': 'needs more devices than there are',
    'multiple of the number of processes': 'needs several processes',
    '--processes=0/COUNT@HOST:PORT': 'tests/train/test_processes.py',
    'the same command in every process': 'tests/train/test_fitting.py',
    'a smaller model.attention.block': 'tests/attention/sharded/test_exchange.py',
    'a larger topology, or --search': 'needs the TPU compiler; tests/plan/test_plan.py searches',
    'XLA_FLAGS=': 'is for Python: `genojax plan` sets it itself',
    'install_line': 'needs the network; test_an_install_line_names_an_extra',
    'more sequence, or a larger --window': 'tests/interpret/test_attention.py; sizes of genes',
    '{}, or install_line': 'tests/data/formats/test_bigwig.py',
    '--out={}.npz (or .tsv)': 'tests/predict/test_tracks.py',
    'leave --{} out, and name': 'tests/predict/test_tracks.py',
    '--out={} (a folder of its own)': 'tests/data/store/test_ingest.py',
    '--bins=0-{}': 'tests/interpret/test_outputs.py',
    '--output={}:0': 'tests/interpret/test_outputs.py',
    'homology=False': 'tests/data/splits/test_genome_windows.py',
    'mixture.length={}': 'tests/data/splits/test_genome_windows.py',
    'mixture.weights={}': 'tests/data/datasets/test_species_weights.py',
    'genojax score --tsv': 'tests/data/formats/variant_files/test_variant_table.py',
    '{}.length={}': 'tests/data/splits/test_genome_windows.py',
    'data.length=0': 'tests/tasks/coverage/test_dataset.py',
    '--config.accumulate': 'tests/test_experiment.py',
    'tasks.{}.{}={}': 'test_a_batch_that_does_not_divide',
    '--config.keep=1': 'test_too_little_disk',
    '{} ({})': 'tests/train/test_fitting.py',
    'genojax interpret mutagenesis': 'test_another_verb_explains_what_has_no_gradient',
    '{} --out={}': 'test_another_verb_explains_what_has_no_gradient',
    'classes are values, predict them': 'tests/data/splits/test_labelled_rows.py',
    '--label-column=': 'test_fine_tuning_names_its_own_options',
    '--kind=regression': 'test_fine_tuning_names_its_own_options',
    '--rna': 'test_fine_tuning_names_its_own_options',
    'optim.train=lora': 'tests/optim/test_trainable.py',
    'optim.train.rank': 'tests/optim/test_lora.py',
    'optim.train.{}=PATTERN': 'tests/optim/test_trainable.py',
    'optim.train=full': 'tests/tasks/test_frozen.py',
    'pair_weights.self=1': 'tests/tasks/contrastive/test_dataset.py',
    'data.part=gene': 'tests/tasks/contrastive/test_dataset.py',
    'related_families=report': 'tests/tasks/contrastive/test_dataset.py',
    'data.genomes=DIR': 'tests/tasks/contrastive/test_dataset.py',
    'data.family_column={}': 'tests/tasks/contrastive/test_dataset.py',
    '--config.tasks.{}.': 'tests/tasks/contrastive/test_objective.py',
    'use a new --workdir=DIR': 'test_a_file_of_the_main_job_that_is_damaged',
    'model.ngrams.species': 'tests/tasks/masked_lm/test_dataset.py',
    '--method=attribution': 'tests/interpret/motifs/test_ascent.py',
    'leave --control out': 'tests/cli/test_interpret.py',
    'annotated=False': 'tests/tasks/variant_effects/test_pair_head.py',
    '--annotation=FILE, the genes': 'tests/tasks/variant_effects/test_pair_head.py',
    '{} --genetic-code={}': 'tests/tasks/variant_effects/test_pair_head.py',
    'write the output to a file': 'tests/train/test_fitting.py',
    'bcftools annotate -a TABLE': 'tests/tasks/variant_effects/test_pair_head.py',
    'leave out --neutral': 'tests/tasks/variant_effects/test_pair_head.py',
    'write one number per ALT': 'tests/tasks/variant_effects/test_pair_head.py',
    'genojax.score_vcf(': 'tests/tasks/variant_effects/test_pair_head.py',
    'genojax score {} --vcf': 'tests/tasks/variant_effects/test_pair_head.py',
    '##contig=<ID=%s>': 'a part of the fix that renames contigs; the case of undeclared.vcf',
    '--vep-alleles': 'tests/variants/test_bad_variants.py',
    'FASTA file of the assembly of the VCF': 'tests/variants/test_bad_variants.py',
    'verb score wrote with --tsv': 'tests/data/formats/variant_files/test_variant_table.py',
    'write the table again with': 'tests/data/formats/variant_files/test_variant_table.py',
    '--species=NAME for each': 'tests/cli/test_windows.py',
    '--test and --validation': 'tests/data/genomes/test_splice_windows.py',
    'data.test_groups': 'tests/tasks/variant_effects/test_dataset.py',
    'data.{}=\'["LABEL"]': 'tests/tasks/variant_effects/test_dataset.py',
    'a lower rate in a new workdir': 'test_a_loss_that_is_not_finite',
    '--contigs={}': 'tests/cli/test_tracks.py',
    'name an empty folder, as in': 'tests/data/store/signals/test_prepare.py',
    '--test={}, or a smaller': 'tests/cli/test_tracks.py',
    '--{}={}={}': 'tests/data/store/signals/test_track_settings.py',
    'leave --test out': 'tests/data/store/signals/test_tiling.py',
    '--window={} --crop={}': 'tests/cli/test_tracks.py',
    'genojax tracks GENOMES': 'tests/data/store/signals/test_shards.py',
    'data.organisms.{}={}': 'tests/data/store/signals/test_shards.py',
    'prepare the tracks with': 'tests/data/store/signals/test_shards.py',
    '--diagonals=1, or': 'tests/cli/test_hic.py',
    'a directory that `genojax hic` wrote': 'tests/tasks/contacts/test_dataset.py',
    '--block or --window of `genojax hic`': 'tests/tasks/contacts/test_dataset.py',
    'genojax hic with the contigs': 'tests/tasks/coverage/test_contacts_input.py',
}
# What sed, head and others do on Linux alone: editing in place, text after 1i, \t, and so on.
GNU_ONLY = re.compile(
    r"sed -\w*[ir]|sed '?\d*[aic] |sed '[^']*\\[tn+?|]|head -n -|grep -\w*P|\bzcat\b|readlink -f|"
    r'\btac\b|xargs -r|\bsha256sum\b|cp -\w*[ua]\b'
)
MLM = 'train --config=demo --config.tasks.masked_lm.data.shards=shards --workdir=new'
ROWS = 'train --config=demo_promoters --config.tasks.promoters.data.path={} --workdir=new'
PATH = '--config.tasks.promoters.data'
WEIGHTS = '--config.tasks.masked_lm.data.mixture'
BETA_OUT = """'leave_out=["sim_beta"]'"""
AGAIN = 'train --config=runs/{0}/config.json --workdir=runs/{0}'
NEW = 'embed runs/pretrain --out=x.npz --fasta='
VALUES = 'train --config=regression --config.tasks.values.data.path=values.csv --workdir=new'
COVERAGE = 'train --config=enformer_small --workdir=new --config.tasks.coverage.data'
DEMO = 'demo --genomes=genomes --workdir=runs/demo'
SCORE = 'score runs/pretrain --fasta=small.fa --out=x.vcf --vcf='
EFFECTS = 'train --config=variant_effects --config.optim.train=full --workdir=new --config.tasks.variants.data'
VARIANTS = f'{EFFECTS}.path=variants.csv {EFFECTS.split()[-1]}.fasta=small.fa'
BPE = '--config.tokenizer.kind=bpe --config.tokenizer.file=bpe.json --config.model.vocab=64 --config.model.pad_id=3'


@dataclasses.dataclass(frozen=True)
class Case:
    """A command that fails.

    Attributes:
        key: a part of the text of the fix, as `commands.fixes` has it.
        command: without `genojax`.
        fill: words that the fix cannot know -> what a user writes in their place.
        number: of the alternative that is pasted.
        shell: a pattern of the fix with the shell's command, and perhaps the new file that is named
            in place of the last argument.
    """

    key: str
    command: str
    fill: dict[str, str] = dataclasses.field(default_factory=dict)
    number: int = 0
    shell: str = ''

    def __str__(self):
        return f'{self.command.split()[0]}: {self.key}'


CASES = [
    # Labelled tables
    Case('data.path=FILE', ROWS.replace(f' {PATH}.path={{}}', ''), {'FILE': 'table.csv'}),
    Case('{}.bak && (printf', ROWS.format('bare.csv'), shell='names the columns: (cp .*)'),
    Case('{}.bak && (printf', ROWS.format('bare.csv.gz'), shell='names the columns: (cp .*)'),
    Case('another share for that part', ROWS.format('eight.csv')),
    Case('.classes={}', ROWS.format('three.csv')),
    Case('.loss=softmax', ROWS.format('table.csv') + ' --config.tasks.promoters.loss=sigmoid'),
    Case('data.{}', ROWS.format('named.csv')),
    Case('.classes={}', ROWS.format('three.csv'), number=1),
    Case('genojax train', ROWS.format('values.csv'), shell=r'\((genojax train [^)]*)\)'),
    Case('label_column=NAME', ROWS.format('values.csv'), {'NAME': 'batch'}, number=1),
    Case('a column of classes with', ROWS.format('identifiers.csv'), {'NAME': 'kind'}),
    Case('data.rna=True', ROWS.format('rna.csv')),
    Case('data.length={}', ROWS.format('table.csv') + f' {PATH}.length=30'),
    Case('data.path={}', ROWS.format('tables')),
    Case('shared_rows=report', ROWS.format('split.csv')),
    Case('keep_together=equal', ROWS.format('designed.csv'), number=1),
    Case('group_column={}', ROWS.format('designed.csv')),
    Case("group_column=''", ROWS.format('split.csv') + f' {PATH}.group_column=batch'),
    Case('in_genomes=keep', ROWS.format('cut.csv') + f' {PATH}.exclude=shards {PATH}.in_genomes=remove'),
    Case('data.trim={},{}', ROWS.format('flanked.csv')),
    # Genomes
    Case('data.shards=simulated', MLM.replace('data.shards=shards', 'data.shards=')),
    Case('.weights.*=1', f'{MLM} {WEIGHTS}.weights.*=None {WEIGHTS}.weights.sim_beta=1'),
    Case('leaves them out', f'{MLM} {WEIGHTS}.weights.*=None {WEIGHTS}.weights.sim_beta=1', number=1),
    Case('weights.{}=None', f'{MLM} {WEIGHTS}.weights.sim_beta=1 {WEIGHTS}.weights.sim_alpha=1'),
    Case('weights.{}=None', f'{MLM} {WEIGHTS}.weights.sim_beta=1 {WEIGHTS}.{BETA_OUT}'),
    Case('weights.{}=None', f'{MLM} {WEIGHTS}.weights.yeti=1'),
    Case('leave_out={}', f'{MLM} {WEIGHTS}.weights.sim_beta=0'),
    Case('leave_out={}', f'{MLM} {WEIGHTS}.weights.*=0 {WEIGHTS}.weights.sim_beta=1'),
    # Configs and runs
    Case('optim.warmup={}', f'{MLM} --config.optim.warmup=20 --config.steps=10'),
    Case('optim.warmup={}', f'{DEMO} --pretrain.optim.warmup=20 --pretrain.steps=10'),
    Case('--workdir={}', f'{DEMO} --pretrain.seed=1'),
    Case('mesh.data=-1', f'{MLM} --config.mesh.data=3'),
    Case('--config.mesh.{}=1', f'{MLM} --config.mesh.tensor=3'),
    Case('--workdir={}, or the same config', MLM.replace('=new', '=runs/pretrain')),
    Case('--config.init_from={}', f'{AGAIN} --config.steps=8'.format('pretrain')),
    Case('--config.steps={} or more', f'{AGAIN} --config.steps=1'.format('constant')),
    Case('(mv {}', AGAIN.format('broken_log'), shell=r'\((mv [^)]*)\)'),
    Case('restore checkpoints', AGAIN.format('lost')),
    Case('restore it, or --workdir={}', AGAIN.format('no_record')),
    Case('restore {}, or --workdir={}', MLM.replace('=new', '=runs/no_config')),
    Case('wait for it', MLM.replace('=new', '=runs/locked')),
    Case('train anew with', AGAIN.format('three')),
    Case('train in a new', AGAIN.format('no_integrity')),
    Case('--processes=auto', f'{MLM} --processes=2', number=1),
    Case('tokenizer.file=FILE', f'{MLM} {BPE}'.replace('=bpe.json', '='), {'FILE': 'bpe.json'}),
    Case('--fallback', 'embed runs/flipped --fasta=my.fa --out=x.npz'),
    Case('--task={}', 'evaluate runs/joint --limit=3'),
    Case('leave --limit out', 'evaluate runs/tuned --limit=3'),
    Case('leave --against out, or', 'evaluate runs/tuned --against=runs/tuned'),
    Case('leave --against out and', 'evaluate runs/tuned --against=runs/pretrain'),
    Case('leave --train out',
         'finetune runs/pretrain table.csv --workdir=new --from-scratch --train=lora'),
    # Sequences
    Case('--window={} gives', f'{NEW}long.fa'),
    Case('--window={} cuts them', 'embed runs/alibi --out=x.npz --fasta=long.fa'),
    Case('--rna reads', f'{NEW}rna.fa'),
    Case('--names=full', f'{NEW}twice.fa'),
    Case('--names=number', f'{NEW}twice.fa', number=1),
    Case('sed', f'{NEW}gaps.fa', shell=r'(cat .*) removes the gaps; name (\S+)'),
    Case('adds one', f'{NEW}bare.fa', shell=r'(\(printf .*) adds one; name (\S+)'),
    Case('converts it', f'{NEW}reads.fq', shell=r'(cat .*) converts it; name (\S+)'),
    Case('gzip -dc', f'{NEW}reads.fq.gz', shell=r'(gzip .*) converts it; name (\S+)'),
    Case('--draft-table', 'check untold', shell=r'(genojax check .*) saves'),
    Case('--replace', 'ingest genomes --out=other_shards --promoter-span=90,0', number=1),
    Case('--out={}, or --replace', 'ingest genomes --out=shards --promoter-span=90,0'),
    Case('ingest GENOMES', f'{MLM}2'.replace('=shards', '=broken_shards'), {'GENOMES': 'genomes'},
         shell=r'(genojax ingest .*)'),
    Case('ingest {}', f'{MLM}2'.replace('=shards', '=genomes'), shell=r'(genojax ingest .*)'),
    # Values and coverage
    Case('.values={}', f"{VALUES} '--config.tasks.values.data.value_columns=[\"label\",\"score\"]'"),
    Case('data.{}', VALUES.replace('values.csv', 'named.csv')),
    Case('or =DIR, a', f'{COVERAGE}.path='),
    Case('data.bin={}', f'{COVERAGE}.bin=64'),
    Case('.length=BASES', 'plan --config=demo_promoters --topology=cpu:1', {'BASES': '40'}),
    Case('coordinate=tokens', f'{MLM} {BPE} --config.model.coordinate=cpg --config.model.positions=alibi'),
    Case('long_rows=cut', f'{ROWS} {BPE} --config.tokenizer.tokens=10'.format('table.csv'), number=1),
    Case('tokenizer.tokens={}', f'{ROWS} {BPE} --config.tokenizer.tokens=10'.format('table.csv')),
    # Variants
    Case('--check-ref=w', f'{SCORE}mismatch.vcf --check-ref=e'),
    Case('--check-ref=x', f'{SCORE}mismatch.vcf --check-ref=e', number=1),
    Case('--window={}', f'{SCORE}in.vcf --window=9999'),
    Case('--tag={}2', f'{SCORE}scored.vcf'),
    Case('annotate -x', f'{SCORE}scored.vcf', shell=r'or (bcftools .*) and --vcf=(\S+)'),
    Case('annotate {}--rename', f'{SCORE}renamed.vcf', shell=r'(printf .* bcftools .*), and name (\S+)'),
    Case('annotate {}--rename', f'{SCORE}undeclared.vcf', shell=r'(printf .* bcftools .*), and name (\S+)'),
    Case('or leave --tsv out', f'{SCORE}in.vcf --tsv'),
    Case('--out={}', f'{SCORE}in.vcf'.replace('x.vcf', 'x.csv')),
    Case("tr '", f'{SCORE}return.vcf', shell=r': (cat .*), and name (\S+)'),
    Case('leave --neutral out', f'{SCORE}in.vcf --neutral=1'),
    Case('bcftools view', f'{SCORE}in.bcf', shell=r'(bcftools view .*), and name (\S+)'),
    Case('rm {}', f'{SCORE}in.vcf --neutral=1 --calibration=bad.npz'.replace('small', 'genome'),
         shell='(rm [^,]*)'),
    Case('--calibration={}', f'{SCORE}in.vcf --neutral=1 --calibration=other.npz'.replace('small', 'genome')),
    Case('rm -r {}', f'{SCORE}in.vcf'.replace('x.vcf', 'part.vcf'), shell='(rm -r .*)'),
    Case('rm -r {}', f'{SCORE}in.vcf'.replace('x.vcf', 'damaged.vcf'), shell='(rm -r .*)'),
    Case('--genetic-code=1', f'{SCORE}in.vcf --annotation=genes.gtf --genetic-code=3'),
    Case('data.{}=FILE', f'{EFFECTS}.fasta=small.fa', {'FILE': 'variants.csv'}),
    Case('.{}_column={}', VARIANTS.replace('variants.csv', 'odd_variants.csv')),
    Case('unusable=leave_out', VARIANTS.replace('variants.csv', 'wrong_variants.csv')
         + f' {EFFECTS.split()[-1]}.group_column=block'),
    Case('group_column=COLUMN', VARIANTS, {'COLUMN': 'block'}),
    Case('--config.{}={}, with', 'plan --config=debug_cpu --topology=cpu:1 --config.model.kind=hierarchical'),
    Case('--config.tokenizer.k=1', 'plan --config=debug_cpu --topology=cpu:1 --config.tokenizer.kind=nucleotide'),
    Case('--config.model.vocab={}', 'plan --config=debug_cpu --topology=cpu:1 --config.model.vocab=70'),
    # Weights
    Case('genojax convert {}', 'embed DNA_bert_6 --fasta=my.fa --out=x.npz', shell=r'(genojax convert \S+ \S+)'),
    Case('--kind=NAME', 'convert unnamed made1', {'NAME': 'dnabert'}),
    Case('--format={}', 'convert converted made2 --format=zip'),
    Case('--kind={}', 'convert converted made3 --kind=nt_v1'),
    Case('--format=safetensors', 'convert converted_nt made4 --format=npz'),
    Case('--format=safetensors, or', 'convert converted made5 --format=bin'),
    Case('--base=DIR', 'convert adapter made6', {'DIR': 'DNA_bert_6'}),
    # Predictions and interpretation
    Case('--window={} gives', 'predict runs/tuned --fasta=long.fa --out=-'),
    Case('--window={} gives', 'interpret mutagenesis runs/tuned --fasta=long.fa --out=made'),
    Case('--task={}', 'predict runs/joint --fasta=my.fa --out=- --task=three'),
    Case('--sequence-column={}', 'predict runs/tuned --table=named.csv --out=-'),
    Case('--fasta=FILE, or', 'predict runs/tuned --out=-', {'FILE': 'my.fa'}),
    Case('--fasta=GENOME', 'predict runs/tuned --table=table.csv --bed=my.bed --out=-', {'GENOME': 'my.fa'}),
    Case('--out={}.tsv', 'predict runs/tuned --fasta=my.fa --out=x.npz'),
    Case('leave --tracks out', 'predict runs/tuned --fasta=my.fa --out=- --tracks=a'),
    Case('genojax finetune', 'predict runs/pretrain --fasta=my.fa --out=-', {'TABLE': 'table.csv'},
         shell=r'(genojax finetune .*), and'),
    Case('--output={}', 'interpret mutagenesis runs/three --fasta=my.fa --out=made'),
    Case('--output={}', 'interpret mutagenesis runs/three --fasta=my.fa --out=made --output=q'),
    Case('genojax interpret {}', 'interpret motif', shell=r'(genojax interpret .*)'),
]  # fmt: skip


WORK = (
    (embedding, 'embed'), (prediction, 'predict'), (mutagenesis, 'scan'), (classification, 'scores'),
    (dependency, '_log_odds'), (plan, '_compile'),
    (coverage, '_simulated'), (base, 'simulated_once'), (masked_evaluation, 'evaluate'),
)  # fmt: skip


class Past(Exception):
    """The command got to its work."""


def past(*arguments, **options):
    raise Past


def start(run, stop_at=None, profile=None):
    """In place of training: what it does before the first step, without compiling anything."""
    log.read(run.workdir)
    if run.checkpoints.latest() is not None:
        run.restore(run.checkpoints.latest())
    run.directory.refuse_lost_checkpoints()
    raise Past


@pytest.fixture(scope='module')
def folder(one_device, tmp_path_factory):
    """The inputs, in the current directory; no command does its work."""
    folder = tmp_path_factory.mktemp('fixes')
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        fix_inputs.write(folder)
        patch.setattr(loop, 'train', start)
        for module, name in WORK:
            patch.setattr(module, name, past)
        patch.setattr(demo, 'summary', types.SimpleNamespace(summarize=past))
        score_pairs = scorer.VariantScorer.score_pairs
        patch.setattr(
            scorer.VariantScorer,
            'score_pairs',
            lambda self, pairs, *rest: past() if pairs else score_pairs(self, pairs, *rest),
        )
        with contextlib.suppress(Past):  # a demo that was begun, for a case with other settings
            main.main(shlex.split(DEMO))
        with contextlib.closing(workdir.open_workdir(folder / 'runs' / 'locked')):
            yield folder


def attempt(words: list[str], capsys) -> str:
    """Runs a command; what it prints if that suggests a fix, else ''.

    A command that fails without one is an error.
    """
    code = 0
    try:
        main.main(words)
    except Past:
        pass
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    text = printed.out + printed.err
    if 'Fix: ' in text:
        return text
    assert not code, text
    return ''


def pieces(text: str) -> list[str]:
    """The parts of the text of a fix that are in a message whatever is filled in."""
    parts = re.split(r'\{\}|TASK|--config\.|install_line', text)
    return [part for part in parts if part.strip()]


# Every third is in `make test`; the others are slow, because there are so many.
MARKED = [
    pytest.param(case, marks=pytest.mark.slow if number % 3 else (), id=str(case))
    for number, case in enumerate(CASES)
]


@pytest.mark.parametrize('case', MARKED)
def test_a_fix_is_pasted_and_the_command_gets_past_its_error(case, folder, capsys, monkeypatch):
    if 'bcftools' in case.shell + case.key and not shutil.which('bcftools'):
        pytest.skip('bcftools is not installed')
    words = shlex.split(case.command)
    if '--workdir=new' in words:  # its data are all that the errors are of
        monkeypatch.setattr(experiments, 'abstract', past)
    message = attempt(words, capsys)
    texts = [text for text in FIXES.values() if case.key in text]
    provoked = [t for t in texts if all(piece in message for piece in pieces(t))]
    assert provoked, (message, texts)
    fix = message.split('Fix: ')[1]
    for word, value in case.fill.items():
        fix = fix.replace(word, value)
    if case.shell:
        words = after_shell(words, re.search(case.shell, fix), capsys)
    else:
        left_out = re.findall(r'leave (--[\w-]+) out', fix)
        words = [word for word in words if word.partition('=')[0] not in left_out]
        words += commands.paste(re.sub(r'leave --[\w-]+ out', '', fix), case.number)
    again = attempt(words, capsys)
    assert message.partition('Fix: ')[0] not in again, again


def after_shell(words: list[str], pasted: re.Match, capsys) -> list[str]:
    """Runs the pasted command; the words of the command to run then."""
    if pasted[1].startswith('genojax'):
        command, _, out = pasted[1].partition(' > ')
        with open(out or 'printed', 'w') as file:  # as a shell does before the command runs
            with contextlib.redirect_stdout(file):
                printed = attempt(shlex.split(command)[1:], capsys)
        assert not printed, printed
        return words if out or ' ingest ' in command else ['explain', 'FA01']
    assert not GNU_ONLY.search(pasted[1]), pasted[1]
    path = f'{strict_tools()}{os.pathsep}{os.environ["PATH"]}'
    subprocess.run(
        pasted[1], shell=True, check=True, executable='/bin/sh', env={**os.environ, 'PATH': path}
    )
    if len(pasted.groups()) > 1:
        option = words[-1].partition('=')[0]
        return [*words[:-1], f'{option}={pasted[2]}']
    return words


@functools.cache
def strict_tools() -> str:
    """A folder with a `sed` that has no extensions of GNU's, as on macOS and BSD."""
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / 'sed').write_text(f'#!/bin/sh\nexec {shutil.which("sed")} --posix "$@"\n')
    (folder / 'sed').chmod(0o755)
    return str(folder)


def test_no_fix_needs_tools_of_gnu():
    assert not [text for text in FIXES.values() if GNU_ONLY.search(text)]
    for command in (
        "sed -i 's/a/b/' x",
        "sed '1i a' x",
        'head -n -1 x',
        "sed 's/a/\\t/'",
        'zcat x',
    ):
        assert GNU_ONLY.search(command), command


def fails(command: str, capsys, *options: str) -> tuple[list[str], str]:
    """The words of a command, and what it suggests."""
    words = [*shlex.split(command), *options]
    message = attempt(words, capsys)
    assert 'Fix: ' in message
    return words, message.split('Fix: ')[1]


def test_too_little_disk(folder, capsys, monkeypatch):
    """Room for three checkpoints: the one that is kept, the best, and the one being written."""
    check = workdir.check_free

    def check_with(path, needed, count):
        monkeypatch.setattr(shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=free))
        check(path, needed, count)

    monkeypatch.setattr(
        workdir, 'check_free', lambda path, needed, count: sizes.append(needed / count)
    )
    sizes: list[float] = []
    assert not attempt(shlex.split(MLM), capsys)
    free = int(3.5 * sizes[0])
    monkeypatch.setattr(workdir, 'check_free', check_with)
    words, fix = fails(MLM, capsys)
    assert not attempt([*words, *commands.paste(fix)], capsys)


def test_the_main_job_names_its_own_fields_and_fine_tunes_several_classes(folder, capsys):
    new = 'demo --genomes=genomes --workdir=runs/new_demo'
    words, fix = fails(f'{new} --promoters=named.csv', capsys)
    assert '--finetune.tasks.promoters.data.sequence_column=' in fix
    assert not attempt([*words, *commands.paste(fix)], capsys)
    _, fix = fails(f'{new} --promoters=three.csv', capsys)
    first, _, second = fix.strip().partition(' && ')
    assert first.endswith(f': genojax {new}')
    assert second == (
        'genojax finetune runs/new_demo/pretrain three.csv --workdir=runs/new_demo_labels'
    )
    _, fix = fails('demo --workdir=runs --promoters=three.csv', capsys)
    assert not attempt(shlex.split(fix)[1:], capsys)


def test_fine_tuning_follows_the_steps_and_says_what_the_labels_lack(folder, capsys):
    tune = 'finetune runs/pretrain {} --workdir=runs/tuned_new'
    words = [*shlex.split(tune.format('table.csv')), '--config.steps=12']
    assert not attempt(words, capsys)
    (folder / 'one.csv').write_text('sequence,label\nACGTACGTTA,1\nTTGTACGTAC,1\n')
    with pytest.raises(SystemExit):
        main.main(shlex.split(tune.format('one.csv')))
    assert 'GX-LB02: one.csv: all rows have label 1' in capsys.readouterr().err
    (folder / 'kinds.csv').write_text('dna,kind\nACGTACGTTA,0\nTTGTACGTAC,2\n')
    message = attempt(shlex.split(tune.format('kinds.csv')), capsys)
    assert "'sequence', and none 'label'" in message
    assert '--sequence-column=dna --label-column=kind' in message


def test_a_file_of_the_main_job_that_is_damaged(folder, capsys):
    (folder / 'damaged_demo').mkdir()
    (folder / 'damaged_demo' / 'run.json').write_text('{')
    words, fix = fails('demo --genomes=genomes --workdir=damaged_demo', capsys)
    pasted = commands.paste(fix.replace('=DIR', '=whole_demo'))
    assert not attempt([*words, *pasted], capsys)


def test_a_loss_that_is_not_finite(folder, capsys):
    run = types.SimpleNamespace(
        workdir=folder / 'runs' / 'pretrain',
        experiment=records.read_experiment(folder / 'runs' / 'pretrain'),
        checkpoints=types.SimpleNamespace(latest=lambda: 2),
    )
    with pytest.raises(errors.DamageError) as caught:
        recorder = types.SimpleNamespace(run=run, _cause=lambda state: '')
        state = object.__new__(experiments.TrainState)
        log.Recorder._check_finite(recorder, 3, state, float('nan'))
    fix = commands.paste(str(caught.value).split('Fix: ')[1])
    assert fix[0] == '--config.optim.peak=0.0002' and fix[1].startswith('--workdir=')
    assert not attempt([*shlex.split(AGAIN.format('pretrain')), *fix], capsys)


@pytest.mark.parametrize('accumulate', [1, 2])
def test_a_batch_that_does_not_divide(accumulate):
    values = flags.load('demo')
    flags.override(values, 'tasks.masked_lm.data.mixture.batch_size', '9')
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.local_devices()[: 4 // accumulate + 1])

    def check():
        task = experiments.build_tasks(experiments.from_config(values))['masked_lm']
        experiments.check_rows(task, mesh, accumulate)

    with pytest.raises(errors.UsageError) as caught:
        check()
    for option in commands.paste(str(caught.value).split('Fix: ')[1])[:1]:
        flags.override(values, *option.removeprefix('--config.').split('='))
    check()


def test_another_verb_explains_what_has_no_gradient(folder, capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise errors.UsageError(f'no gradient. Fix: {first_layer.OTHER_VERB}')

    monkeypatch.setattr(attribution, 'integrated_gradients', refuse)
    command = 'interpret attribution runs/tuned --fasta=my.fa --out=attributions --output=promoter'
    _, fix = fails(command, capsys)
    assert fix.startswith(
        'genojax interpret mutagenesis runs/tuned --fasta=my.fa --output=promoter'
    )
    assert not attempt(shlex.split(fix)[1:], capsys)


def test_mutagenesis_of_a_language_model_names_the_likelihood(folder, capsys):
    words, fix = fails('interpret mutagenesis runs/pretrain --fasta=my.fa --out=made', capsys)
    pasted = commands.paste(fix, 1)
    assert pasted == ['--likelihood']
    assert fix not in attempt([*words, *pasted], capsys)


@pytest.mark.parametrize(
    ('table', 'options', 'number', 'fill'),
    [
        ('named.csv', [], 0, ''),
        ('score.csv', ['--kind=regression'], 0, ''),
        ('values.csv', ['--kind=classification'], 0, ''),
        ('values.csv', ['--kind=classification'], 1, 'batch'),
        ('rna.csv', [], 0, ''),
        ('identifiers.csv', [], 0, 'kind'),
    ],
)
def test_fine_tuning_names_its_own_options(table, options, number, fill, folder, capsys):
    command = f'finetune runs/pretrain {table} --workdir=tuned'
    words, fix = fails(command, capsys, *options)
    pasted = commands.paste(fix.replace('NAME', fill), number)
    assert pasted and not any(option.startswith('--config') for option in pasted)
    assert fix not in attempt([*words, *pasted], capsys)


@pytest.mark.parametrize('extra', ['', 'bpe', 'convert', 'tracks', 'tpu'])
def test_an_install_line_names_an_extra(extra):
    python, *words = shlex.split(versions.install_line(extra))
    assert python == sys.executable and words[:4] == ['-m', 'pip', 'install', '-e']
    root, _, named = words[4].partition('[')
    assert named == (f'{extra}]' if extra else '')
    assert (commands.ROOT / 'setup.py').samefile(f'{root}/setup.py')
    if extra:
        assert f"'{extra}': [" in (commands.ROOT / 'setup.py').read_text()


def test_every_fix_is_pasted_somewhere():
    keys = {case.key for case in CASES} | set(ELSEWHERE)
    missing = {place: text for place, text in FIXES.items() if not any(key in text for key in keys)}
    assert len(FIXES) > 100
    assert not missing, '\n'.join(map(str, missing.items()))
    source = pathlib.Path(__file__).read_text()
    for test in ELSEWHERE.values():
        for path in re.findall(r'tests/[\w/.]+\.py', test):
            assert (commands.ROOT / path).is_file()
        for name in re.findall(r'test_[a-z_]+(?!\.py)\b', test.partition('.py')[0]):
            assert '.py' in test or f'def {name}(' in source, name
