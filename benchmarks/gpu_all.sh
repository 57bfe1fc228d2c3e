#!/usr/bin/env bash
# All that a GPU is asked in its first minutes: the tests, the first things to check, every workload in every
# precision on both libraries. Unattended, under nine minutes, one folder:
#
#     benchmarks/gpu_all.sh [FOLDER]        (benchmarks/results/gpu-<its name>)
#
# Nothing is installed: PyTorch for CUDA, CuPy, ml_dtypes, NumPy, pytest and hypothesis must be there (and
# pytest-xdist, nvidia-cudnn-frontend better be). What fails or takes too long is noted, and the rest goes on.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1 | tr -cs '[:alnum:]\n' '-')
out=${1:-benchmarks/results/gpu-${name:-none}}
mkdir -p "$out"
log="$out/log.txt"
: > "$log"
began=$SECONDS

# stage SECONDS NAME COMMAND...: run, log, and note how it ended.
stage() {
    local limit=$1 title=$2 status=0
    shift 2
    echo "== $title (at most $limit s)" | tee -a "$log"
    timeout --signal=INT --kill-after=5 "$limit" "$@" > "$out/$title.txt" 2>&1 || status=$?
    echo "   ended with $status after $((SECONDS - began)) s in all" | tee -a "$log"
}

stage 10 machine nvidia-smi -q -d CLOCK,MEMORY,UTILIZATION
stage 15 packages python -m pip list
# CuPy compiles a kernel when it is first called for, and keeps it on disk: the workloads' ones while tests run.
timeout --kill-after=5 170 python -m benchmarks.gpu compile > "$out/compile.txt" 2>&1 &
workers=$(nproc)
parallel=$(python -c 'import xdist' 2>/dev/null && echo "-n $((workers < 8 ? workers : 8))")
# shellcheck disable=SC2086
stage 170 tests python -m pytest -m gpu -q -rf --tb=short $parallel -p no:cacheprovider tests
wait
stage 40 first_things python -m benchmarks.gpu_first --out "$out/first_things.json"
mkdir -p "$out/steps"
for precision in fp32 tf32 bf16; do
    for library in minigrad torch; do
        stage "$([ "$library" = torch ] && echo 50 || echo 42)" "steps-$library-$precision" python -m \
            benchmarks.gpu steps --library "$library" --precision "$precision" \
            --out "$out/steps/$library-$precision.json"
    done
done
stage 10 table python -m benchmarks.gpu table "$out/steps"
cat "$out/table.txt"
echo "== done in $((SECONDS - began)) s: $out" | tee -a "$log"
