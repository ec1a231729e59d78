#!/bin/sh
# Runs causal attention under each tool of compute-sanitizer on a CUDA device,
# prefill and decoding in parts, and kernels with roles, of one task a block
# (`long`) and of several; and then causal attention with a fault that the tool
# must report:
#   gpu_sanitize.sh FOLDER      (that of gpu.py)
cd "$1" || exit 2
export LD_LIBRARY_PATH=$PWD:$LD_LIBRARY_PATH
status=0
check() { # TOOL OBJECT EXPECTED SIZE
  if timeout 120 compute-sanitizer --tool "$1" --error-exitcode 9 \
    --print-limit 1 ./attn-run "sanitize/$2.so" --check --device=cuda \
    --size "$4" >"sanitize/$1.$2.txt" 2>&1; then
    found=clean
  elif grep -q "ERROR SUMMARY: [1-9]\|RACECHECK SUMMARY: [1-9]" \
    "sanitize/$1.$2.txt"; then
    found=reported
  else
    found=failed
  fi
  echo "$1, $2, $4: $found (expected: $3)"
  [ $found = "$3" ] || status=1
}
prefill=b=1,h=2,p=65,m=193 decode=b=1,h=2,p=1,m=1000 roles=b=2,h=40,p=385,m=500
long=b=1,h=2,p=129,m=3200
for tool in memcheck racecheck synccheck initcheck; do
  for size in $prefill $decode; do
    check $tool causal.none clean $size
  done
  for name in causal softmax_naive; do
    check $tool $name.prompt clean $roles
  done
  check $tool causal.prompt clean $long
done
check racecheck causal.barrier reported $prefill
check memcheck causal.tail reported $prefill
check synccheck causal.divergent reported $prefill
check initcheck causal.unwritten reported $decode
exit $status
