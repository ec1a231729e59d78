#!/bin/sh
# Runs causal attention under each tool of compute-sanitizer on a CUDA device,
# prefill and decoding in parts, and then with a fault that the tool must report:
#   gpu_sanitize.sh FOLDER      (that of gpu.py)
cd "$1" || exit 2
export LD_LIBRARY_PATH=$PWD:$LD_LIBRARY_PATH
status=0
check() { # TOOL FAULT EXPECTED SIZE
  if timeout 120 compute-sanitizer --tool "$1" --error-exitcode 9 \
    --print-limit 1 ./attn-run "sanitize/causal.$2.so" --check --device=cuda \
    --size "$4" >"sanitize/$1.$2.txt" 2>&1; then
    found=clean
  elif grep -q "ERROR SUMMARY: [1-9]\|RACECHECK SUMMARY: [1-9]" \
    "sanitize/$1.$2.txt"; then
    found=reported
  else
    found=failed
  fi
  echo "$1, fault: $2, $4: $found (expected: $3)"
  [ $found = "$3" ] || status=1
}
prefill=b=1,h=2,p=65,m=193 decode=b=1,h=2,p=1,m=1000
for tool in memcheck racecheck synccheck initcheck; do
  for size in $prefill $decode; do
    check $tool none clean $size
  done
done
check racecheck barrier reported $prefill
check memcheck tail reported $prefill
check synccheck divergent reported $prefill
check initcheck unwritten reported $decode
exit $status
