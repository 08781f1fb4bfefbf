"""Columns of annotation that a trained head reads beside the sequence, for the alleles of a VCF.

Consequences are those of the request's annotation. The other columns are INFO keys of the same
names, with one number per ALT or one for all; a number that is absent is read as in training, as
the mean of the training rows, and counted.
"""

import collections
import dataclasses
import math
import os
import shlex
from collections.abc import Sequence

import numpy as np

from genojax import errors
from genojax.data.formats.variant_files import vcf
from genojax.variants import alleles
from genojax.variants.alleles import AlleleState
from genojax.variants.consequences.annotator import ConsequenceAnnotator
from genojax.variants.pair_head import HeadColumns, PairHead
from genojax.variants.records import PlannedRecord

_ABSENT = ('', '.')


def check(head: PairHead, request, header: Sequence[bytes]) -> None:
    """Refuses a request that does not have what the head reads.

    Args:
        request: `score_file.FileRequest`.
        header: of the VCF.

    Raises:
        UsageError: no annotation, other transcripts or another genetic code than in training, an
            INFO key that the header lacks, or a calibration.
    """
    columns = head.columns
    reads = f'the head of task {head.name!r} reads {columns.names} beside the sequence'
    if columns.consequences and not request.annotation:
        raise errors.UsageError(
            f'{reads}. Fix: --annotation=FILE, the genes as in training, or --score=likelihood'
        )
    learnt = (set(columns.transcripts), columns.genetic_code)
    if columns.consequences and learnt != (set(request.transcripts), request.genetic_code):
        named = ','.join(columns.transcripts)
        raise errors.UsageError(
            f'the head of task {head.name!r} learnt consequences of '
            f'{"transcripts " + named if named else "all transcripts"} by genetic code '
            f'{columns.genetic_code}, not of those of this command. Fix: '
            f'--transcripts={named} --genetic-code={columns.genetic_code}'
        )
    if absent := [name for name in columns.features if name not in vcf.info_ids(header)]:
        new = errors.new_name(request.vcf)
        raise errors.UsageError(
            f'{reads}, and the header of {request.vcf} declares no INFO {", ".join(absent)}. '
            f'Fix: bcftools annotate -a TABLE -c CHROM,POS,REF,ALT,{",".join(absent)} '
            f'-h HEADER -o {new} {shlex.quote(request.vcf)} and --vcf={new}'
        )
    if request.neutral or request.common:
        raise errors.UsageError(
            f'{reads}, which the variants of a calibration do not have. Fix: leave out --neutral '
            'and --common'
        )


class ColumnReader:
    """Fills in the columns of the alleles of one file.

    Attributes:
        absent: alleles without a number, by feature.
        alleles: for which features were read.
    """

    def __init__(
        self, columns: HeadColumns, annotator: ConsequenceAnnotator | None, path: str | os.PathLike
    ):
        self.columns, self.annotator, self.path = columns, annotator, path
        self.absent: collections.Counter[str] = collections.Counter()
        self.alleles = 0

    def counts(self) -> dict:
        """What was counted, for `restore`."""
        return {'alleles': self.alleles, 'absent': dict(self.absent)}

    def restore(self, counts: dict) -> None:
        """Continues from the counts of an earlier call."""
        self.alleles = counts['alleles']
        self.absent = collections.Counter(counts['absent'])

    def notes(self) -> list[str]:
        """Remarks, one line each."""
        return [
            f'INFO {name}: absent for {count:,} of {self.alleles:,} alleles, which are read as the '
            'mean of training'
            for name, count in self.absent.items()
        ]

    def fill(self, planned: PlannedRecord) -> PlannedRecord:
        """The record with the columns of every allele that is to be scored.

        Raises:
            InputError: VC09, a value of INFO is no number, or not one per ALT.
        """
        filled = [self._filled(planned, number) for number in range(len(planned.alleles))]
        return dataclasses.replace(planned, alleles=filled)

    def _filled(self, planned: PlannedRecord, number: int):
        allele, record = planned.alleles[number], planned.record
        if allele.state != AlleleState.SCORED:
            return allele
        texts = (planned.new_reference or record.reference, record.alternates[number])
        bases = [text.upper().replace('-', '') for text in texts]
        edit = alleles.trimmed(record.position - 1, *bases)
        effects = []
        if self.columns.consequences:
            effects = [self.annotator.most_severe(record.contig, record.position - 1, *bases)]
        features = [self._number(record, name, number) for name in self.columns.features]
        self.alleles += 1
        features_1F = np.array([features], np.float64)
        annotation_1F = self.columns.standardised([edit], effects, features_1F)
        return dataclasses.replace(allele, annotation_F=annotation_1F[0])

    def _number(self, record: vcf.VcfRecord, name: str, number: int) -> float:
        """INFO `name` of an ALT; NaN where it is absent."""
        cells = dict(cell.partition('=')[::2] for cell in record.fields[7].split(';'))
        values = cells.get(name, '.').split(',')
        if len(values) not in (1, len(record.alternates)):
            problem = f'INFO {name} has {len(values)} values for {len(record.alternates)} ALT'
            raise self._error(record, problem)
        text = values[number if len(values) > 1 else 0]
        if text in _ABSENT:
            self.absent[name] += 1
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._error(record, f'INFO {name}={text[:40]} is no number')
        return value

    def _error(self, record: vcf.VcfRecord, problem: str) -> errors.InputError:
        return errors.InputError(
            'VC09',
            problem,
            path=self.path,
            line=record.line,
            record=record.contig,
            position=record.position,
            fix="write one number per ALT, or '.'",
        )
