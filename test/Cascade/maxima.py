"""Whatever stands for a maximum, the values are those as written.

  maxima.py SPEC.mlir..

Every cascade is evaluated as written, and as derived with each choice, for
several extents, in chunks of several sizes and as a tree. Scores are about
N(0, 150^2).
"""
import re
import sys

import numpy as np

import cascades
import equivalence

CHOICES = ["tile-local", "stale", "static"]


def main():
    rng = np.random.default_rng(20240607)
    taken = {choice: 0 for choice in CHOICES}
    checked = 0
    for path in sys.argv[1:]:
        with open(path) as file:
            source = equivalence.shrink(file.read())
        for text in re.split(r"^(?=attn\.cascade)", source, flags=re.M)[1:]:
            name = re.search(r"@(\w+)", text).group(1)
            naive = cascades.models(text)[name]
            forms = []
            for choice in CHOICES:
                option = f"maximum={choice}"
                if choice == "static" and "%bound: f32" in text:
                    option += " maximum-bound=bound"
                passes = f"{cascades.NESTS},attn-one-pass{{{option}}}"
                _, remarks = cascades.attn_opt(text, passes)
                taken[choice] += (f"is {choice}" in remarks
                                  or f"({choice})" in remarks)
                forms.append((choice, cascades.models(text, passes)[name]))
            worst = 0
            for p, m in [(5, 17), (7, 3), (3, 0)]:
                extents = dict(equivalence.EXTENTS, p=p, m=m, m1=-(-m // 4),
                               p1=-(-p // 4))
                arguments = equivalence.make_arguments(rng, text, extents)
                if "bound" in arguments:
                    arguments["bound"] = 500.0
                expected = cascades.evaluate(naive, arguments)
                for choice, form in forms:
                    worst = max(worst, cascades.compare(
                        expected, form, arguments,
                        f"{name} {choice} p={p} m={m}", cascades.ORDERS[1:]))
            print(f"{name:24} largest error {worst:.1e}")
            checked += 1
    print(f"{checked} cascades are equal with every choice")
    print(", ".join(f"{choice} {count}" for choice, count in taken.items()),
          "times")


if __name__ == "__main__":
    main()
