"""Prints the functions that llvm-nm lists, with their kind and size, sorted."""
import sys

lines = (line.split() for line in sys.stdin)
print("\n".join(sorted(f"{name} {kind} {size}"
                       for name, kind, _, size in
                       (line for line in lines if len(line) == 4)
                       if kind in "tT")))
