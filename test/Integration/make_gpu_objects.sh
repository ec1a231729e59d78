#!/bin/sh
# Makes what gpu.py needs, on a machine without a GPU:
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
