#!/bin/sh
# Makes what gpu.py, gpu_torch.py and gpu_sanitize.sh need, on a machine without
# a GPU:
#   make_gpu_objects.sh BUILD FOLDER TARGET
set -e
build=$1 folder=$2 target=$3
variants=$(dirname "$0")/../Variants
mkdir -p "$folder"
cp "$build/bin/attn-run" "$build/lib/libattnrt.so.0" "$folder"
cp "$(ldd "$build/bin/attn-run" | awk '/libomp/ {print $3}')" "$folder"
# A spec in f32 also as bf16 and f16, where its types allow that.
for spec in "$variants"/*.mlir; do
  name=$(basename "$spec" .mlir)
  for type in spec bf16 f16; do
    option=--type=f32=$type
    [ $type = spec ] && option=
    "$build/bin/attnc" "$spec" --target="$target" --emit=so $option \
      --runtime="$build/lib" -o "$folder/$name.$type.so" ||
      echo "$name is not made as $type"
    rm -f "$folder/$name.$type.h"
  done
done
# What is timed beside PyTorch.
mkdir -p "$folder/bench"
for name in causal softmax_naive; do
  for size in 64 128; do
    "$build/bin/attnc" "$variants/$name.mlir" --target="$target" --emit=so \
      --type=f32=bf16 --set e=$size --set f=$size --runtime="$build/lib" \
      -o "$folder/bench/$name.$size.so"
    rm -f "$folder/bench/$name.$size.h"
  done
done
# What a sanitizer must find clean, and what it must not: the faults are those of
# kernels whose threads all do the same.
mkdir -p "$folder/sanitize"
for fault in none barrier tail; do
  assembler=$(dirname "$0")/faulty_ptxas.py
  [ $fault = none ] && assembler=
  FAULT=$fault "$build/bin/attnc" "$variants/causal.mlir" \
    --target="${target%a}" --emit=so --type=f32=bf16 --ptxas="$assembler" --runtime="$build/lib" \
    -o "$folder/sanitize/causal.$fault.so"
  rm -f "$folder/sanitize/causal.$fault.h"
done
