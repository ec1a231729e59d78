"""Products in another order have the same values, and cost no more.

  reassociate.py [--count=100] [--seed=1]

Random chains of contractions: three to six tensors over a few ranks, multiplied
in a random order, over one Einsum or several, with scales. After the pass they
must agree in float64, and their multiply-adds, counted from the text, must not
be more than before.
"""
import argparse
import random
import re

import numpy as np

import cascades

RANKS = "abcdefg"


class Chain:
    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.extents = {rank: self.random.choice([1, 2, 3, 5, 8])
                        for rank in RANKS}
        count = self.random.randrange(3, 7)
        self.tensors = {
            f"X{i}": self.random.sample(RANKS, self.random.randrange(1, 4))
            for i in range(count)}
        used = sorted(set().union(*self.tensors.values()))
        self.out = self.random.sample(used, self.random.randrange(
            0, min(3, len(used)) + 1))
        self.lines = []
        self.build()

    def build(self):
        """Multiplies random pairs; sums what nobody needs any more."""
        parts = [(f"%{name}[{', '.join(ranks)}]", ranks)
                 for name, ranks in self.tensors.items()]
        number = 0
        while len(parts) > 1:
            self.random.shuffle(parts)
            size = min(len(parts), self.random.choice([2, 2, 2, 3]))
            chosen, parts = parts[:size], parts[size:]
            vars = set().union(*(ranks for _, ranks in chosen))
            needed = set(self.out).union(*(ranks for _, ranks in parts))
            kept = sorted(vars & needed)
            if not parts:
                kept = self.out
            factors = [text for text, _ in chosen]
            if self.random.randrange(3) == 0:
                factors.append(self.random.choice(["0.5", "%scale", "-2.0"]))
            name = "Y" if not parts else f"T{number}"
            number += 1
            self.lines.append(f"%{name} = attn.einsum [{', '.join(kept)}] = "
                              + " * ".join(factors))
            parts.append((f"%{name}[{', '.join(kept)}]", kept))

    def text(self):
        tensor = lambda ranks: f"!attn.tensor<[{', '.join(ranks)}], f64>"
        inputs = [f"%{name}: {tensor(ranks)}"
                  for name, ranks in self.tensors.items()]
        ranks = [f"{rank} = {extent}" for rank, extent in self.extents.items()]
        lines = "\n".join("  " + line for line in self.lines)
        return (f"attn.cascade @{self.name}({', '.join(inputs)}, %scale: f64)"
                f" -> {tensor(self.out)} ranks({', '.join(ranks)}) {{\n"
                f"{lines}\n  attn.yield %Y\n}}\n")

    def arguments(self):
        rng = np.random.default_rng(self.random.randrange(2 ** 32))
        shape = lambda ranks: [self.extents[rank] for rank in ranks]
        result = {name: np.asarray(rng.standard_normal(shape(ranks)))
                  for name, ranks in self.tensors.items()}
        result["scale"] = 0.75
        return result

    def cost(self, text):
        """Multiply-adds: the points of each Einsum."""
        total = 0
        for line in text.splitlines():
            if "attn.einsum" not in line:
                continue
            body = line.split("attn.einsum", 1)[1]
            points = 1
            for rank in set(re.findall(r"\b([a-g])\b",
                                       " ".join(re.findall(r"\[(.*?)\]",
                                                           body)))):
                points *= self.extents[rank]
            total += points
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chains = [Chain(f"chain{i}", f"{options.seed}.{i}")
              for i in range(options.count)]
    module = "".join(chain.text() for chain in chains)
    derived, remarks = cascades.attn_opt(module, "attn-reassociate")
    naive = cascades.models(module)
    models = cascades.models(module, "attn-reassociate")
    texts = re.split(r"\n  (?=attn\.cascade)", derived)[1:]
    worst, changed, before, after = 0, 0, 0, 0
    for chain, text in zip(chains, texts):
        arguments = chain.arguments()
        expected = cascades.evaluate(naive[chain.name], arguments)
        worst = max(worst, cascades.compare(
            expected, models[chain.name], arguments, chain.name, [("whole",)],
            1e-11))
        old, new = chain.cost(chain.text()), chain.cost(text)
        assert new <= old, f"{chain.name}: {new} > {old}\n{chain.text()}{text}"
        changed += new < old
        before, after = before + old, after + new
    print(f"{len(chains)} chains agree, {changed} of them cheaper: {after} "
          f"points, {before} before; largest error {worst:.1e}")
    assert changed > len(chains) // 4


main()
