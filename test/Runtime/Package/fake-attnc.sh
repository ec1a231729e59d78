#!/bin/sh
# Stands in for attnc, with the command line that attnc_add_kernel gives it:
#   SPEC -o OBJECT.o --target=x86-64-v3,x86-64-v4 --set n=3
# Writes OBJECT.h and an object with a C function that returns attnrt_version.
set -e
[ $# = 6 ] && [ -f "$1" ] && [ "$2" = -o ] && [ "$5 $6" = "--set n=3" ]
[ "$4" = --target=x86-64-v3,x86-64-v4 ]
base=${3%.o}
cat > "$base.h" <<'END'
#include "attnrt.h"
uint32_t twice(void);
END
printf '#include <stdint.h>\nuint32_t attnrt_version(void);\n%s\n' \
  'uint32_t twice(void) { return 2 * attnrt_version(); }' > "$base.c"
${CC:-cc} -fPIC -c "$base.c" -o "$3"
