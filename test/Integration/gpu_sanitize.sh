#!/bin/sh
# Runs causal attention under each tool of compute-sanitizer on a CUDA device,
# and then with a fault that the tool must report:
#   gpu_sanitize.sh FOLDER      (that of gpu.py)
cd "$1" || exit 2
export LD_LIBRARY_PATH=$PWD:$LD_LIBRARY_PATH
status=0
check() { # TOOL FAULT EXPECTED
  if compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 1 \
    ./attn-run "sanitize/causal.$2.so" --check --device=cuda \
    --size b=1,h=2,p=65,m=193 >"sanitize/$1.$2.txt" 2>&1; then
    found=clean
  else
    found=reported
  fi
  echo "$1, fault: $2: $found (expected: $3)"
  [ $found = "$3" ] || status=1
}
for tool in memcheck racecheck synccheck initcheck; do
  check $tool none clean
done
check racecheck barrier reported
check memcheck tail reported
exit $status
