#!/bin/bash
# Trains on a TPU slice of one or more VMs, and resumes: run it again after a preemption.
#   NAME=dna ZONE=us-east5-b TYPE=v5litepod-16 CODE=gs://BUCKET/genojax.tar.gz BUCKET=BUCKET bash tpu_vm.sh
# CODE is an archive of this repository; shards are in gs://BUCKET/shards, the run goes to gs://BUCKET/runs.
set -euo pipefail
: "${NAME:?}" "${ZONE:?}" "${TYPE:?}" "${CODE:?}" "${BUCKET:?}"
VERSION=${VERSION:-v2-alpha-tpuv5-lite}

gcloud compute tpus tpu-vm describe "$NAME" --zone="$ZONE" >/dev/null 2>&1 ||
    gcloud compute tpus tpu-vm create "$NAME" --zone="$ZONE" --accelerator-type="$TYPE" \
        --version="$VERSION" --spot

on_all() {
    gcloud compute tpus tpu-vm ssh "$NAME" --zone="$ZONE" --worker=all --command="$1"
}

# The bucket as a folder, at the same path on every host.
on_all "mkdir -p ~/bucket && (mountpoint -q ~/bucket || gcsfuse --implicit-dirs $BUCKET ~/bucket)"
on_all "test -d ~/genojax || (gcloud storage cp $CODE genojax.tar.gz && tar xzf genojax.tar.gz)"
on_all "cd ~/genojax && python3 -m venv .venv && .venv/bin/pip install -q -e '.[tpu]'"
on_all "cd ~/genojax && .venv/bin/genojax train --processes=auto --config=nucleotide_transformer:v2_500m \
    --config.tasks.masked_lm.data.shards=\$HOME/bucket/shards --workdir=\$HOME/bucket/runs/nt"
