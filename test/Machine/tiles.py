"""Compares the prices of tilings in two reports.

    tiles.py CAUSAL FULL
"""
import json
import sys


def read_prices(path):
    with open(path, encoding="utf-8") as file:
        (cascade,) = json.load(file)["cascades"]
    return {t["tiles"]: t["seconds"] for t in cascade["tilings"]}


causal, full = map(read_prices, sys.argv[1:])
for tiles in sorted(causal, reverse=True):
    print(f"{tiles}: {causal[tiles] / full[tiles]:.2f} of the price without")
