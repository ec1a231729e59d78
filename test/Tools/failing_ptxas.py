#!/usr/bin/env python3
"""Assembles nothing; says for what, of sm_90 last."""
import sys
import time

arch = next(arg for arg in sys.argv if arg.startswith("-arch="))
if arch == "-arch=sm_90":
    time.sleep(2)
sys.exit(f"makes nothing with {arch}")
