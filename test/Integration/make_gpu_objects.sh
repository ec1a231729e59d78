#!/bin/sh
# Makes what gpu.py, gpu_sanitize.sh and test/Bench/gpu need, on a machine
# without a GPU:
#   make_gpu_objects.sh BUILD FOLDER TARGET [variants|bench|sanitize]...
set -e
build=$1 folder=$2 target=$3
shift 3
parts=${*:-variants bench sanitize}
wants() { case " $parts " in *" $1 "*) ;; *) false ;; esac }
variants=$(dirname "$0")/../Variants
mkdir -p "$folder"
cp "$build/bin/attn-run" "$build/lib/libattnrt.so.0" "$folder"
cp "$(ldd "$build/bin/attn-run" | awk '/libomp/ {print $3}')" "$folder"
# SPEC OBJECT OPTION...
compile() {
  spec=$1 object=$2
  shift 2
  "$build/bin/attnc" "$variants/$spec.mlir" --emit=so "$@" \
    --runtime="$build/lib" -o "$object.so" && rm -f "$object.h"
}
# SPEC OBJECT FAULT OPTION...: with a fault, for which there must be a place.
seed() {
  spec=$1 object=$2.$3 fault=$3
  shift 3
  rm -f "$object.seeded"
  FAULT=$fault SEEDED=$object.seeded compile "$spec" "$object" "$@" \
    --ptxas="$(dirname "$0")/faulty_ptxas.py"
  [ -s "$object.seeded" ] || {
    echo "$object has no place for the fault"
    exit 1
  }
}
# A spec in f32 also as bf16 and f16, where its types allow that.
if wants variants; then
  for spec in "$variants"/*.mlir; do
    name=$(basename "$spec" .mlir)
    for type in spec bf16 f16; do
      option=--type=f32=$type
      [ $type = spec ] && option=
      compile "$name" "$folder/$name.$type" --target="$target" $option ||
        echo "$name is not made as $type"
    done
  done
fi
# Filters by integers of tensors (value_bounds.py --gpu FOLDER).
if wants variants; then
  compile ../Integration/value-bounds "$folder/value-bounds" --target="$target"
fi
# What is timed beside PyTorch.
if wants bench; then
  mkdir -p "$folder/bench"
  for name in causal softmax_naive causal_gqa alibi softcap documents prefix \
    sliding_window_sinks relative_bias; do
    for size in 64 128; do
      compile $name "$folder/bench/$name.$size" --target="$target" \
        --type=f32=bf16 --set e=$size --set f=$size
    done
  done
fi
# What a sanitizer must find clean, and what it must not.
if wants sanitize; then
  mkdir -p "$folder/sanitize"
  # The faults are those of kernels whose threads all do the same.
  options="--target=${target%a} --type=f32=bf16"
  compile causal "$folder/sanitize/causal.none" $options
  for fault in barrier tail unwritten divergent; do
    seed causal "$folder/sanitize/causal" $fault $options
  done
  # Roles wait for each other, with delays, without, and with a wait left out, a
  # block having one task (causal) or several. In the same tiles, which have registers to spare: the
  # sums are rounded alike.
  options="--target=$target --type=f32=bf16 --set=e=128,f=128"
  options="$options --options=lane-tile=128 --options=stream-tile=128"
  for name in causal softmax_naive; do
    compile $name "$folder/sanitize/$name.prompt" $options
    seed $name "$folder/sanitize/$name" delay $options
    seed $name "$folder/sanitize/$name" early $options
  done
  # What merges the parts of decoding waits for them.
  seed causal "$folder/sanitize/causal" hasty $options
fi
