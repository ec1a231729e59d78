#!/usr/bin/env python3
"""ptxas as of CUDA 12.0, which assembles kernels one after the other."""
import os
import shutil
import sys

option = "--split-compile"
if option in sys.argv:
    sys.exit(f"ptxas fatal   : Unknown option '{option}'")
home = os.environ.get("CUDA_HOME")
ptxas = os.path.join(home, "bin", "ptxas") if home else shutil.which("ptxas")
os.execv(ptxas, [ptxas, *sys.argv[1:]])
