#!/usr/bin/env bash
# Eight workers for the searches of a cluster: sbatch deploy/slurm.sh /shared/cluster-worker.toml
# Before: `aq4svit cluster up --bind 0.0.0.0 --access /shared/cluster.toml` on a machine that the nodes reach.
#SBATCH --job-name=aq4svit
#SBATCH --array=0-7
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
# The worker hands its job back before the node is taken away.
#SBATCH --signal=TERM@120
set -euo pipefail

access=${1:?usage: sbatch slurm.sh ACCESS_FILE}
exec aq4svit worker --cluster "$access" --threads "${SLURM_CPUS_PER_TASK:-16}" --time-limit 11:55:00
