"""Pieces of a rank, merged in any order, have the value of the whole.

  form_monoid.py SPEC.mlir..

Every cascade that --attn-form-monoid splits is called on pieces of its rank,
empty ones among them: the partial in its derived form, then the merge, as a
fold, as a ring that starts anywhere, and as a random tree, then the finish. All
tensors are f64, and scores are about N(0, 150^2). Many weights then underflow
to 0: a list is ordered by the scores, and is compared with the derived form's,
which lists.py compares with the cascade as written.
"""
import json
import re
import subprocess
import sys

import numpy as np

import cascades
import equivalence


# An entropy is a difference of scores, here near 0: its error is relative to
# what is subtracted.
LEAST = {"entropy": 1}


def widen(text):
    """The same in f64."""
    text = re.sub(r"(?<=\], )(f32|bf16|f16)>", "f64>", text)
    return re.sub(r" : (bf16|f16)$", "", text, flags=re.M)


def split(text, rank):
    """The module with the three functions, or the reason why there are none."""
    done = subprocess.run(
        ["attn-opt", "-", "--mlir-print-op-on-diagnostic=false",
         f"--pass-pipeline=builtin.module(attn-form-monoid{{rank={rank}}})"],
        input=text, text=True, capture_output=True)
    if done.returncode:
        return None, re.search(r"error: (.*)", done.stderr).group(1)
    return done.stdout, ""


class Pieces:
    """A cascade's three functions on one set of arguments."""

    def __init__(self, name, text, rank, arguments):
        self.rank = rank
        self.arguments = arguments
        models = cascades.models(text)
        self.merge_model = models[f"{name}_merge"]
        self.finish_model = models[f"{name}_finish"]
        self.partial_model = cascades.models(
            text, cascades.DERIVED)[f"{name}_partial"]
        head = text[text.index(f"@{name}("):]
        self.axes = {
            tensor: ranks.split(", ").index(rank)
            for tensor, ranks in re.findall(
                r"%(\w+): !attn.tensor<\[([\w, ]*)\]", head[:head.index("->")])
            if rank in ranks.split(", ")}
        self.extent = {arguments[tensor].shape[axis]
                       for tensor, axis in self.axes.items()}.pop()

    def call(self, model, arguments, *options):
        wanted = set(re.findall(r'"name": ?"(\w+)"', model))
        types = {value["name"]: value["type"]
                 for value in json.loads(model)["values"]}

        def convert(name, value):
            """A state that was saved as floats goes back as it is declared."""
            if np.ndim(value) and types[name] == "i32":
                return value.astype(np.int32)
            return value

        return cascades.evaluate(
            model, {name: convert(name, value)
                    for name, value in arguments.items() if name in wanted},
            *options)

    def partial(self, begin, end, *options):
        arguments = dict(self.arguments)
        for tensor, axis in self.axes.items():
            arguments[tensor] = np.take(arguments[tensor],
                                        range(begin, end), axis)
        arguments[f"{self.rank}_begin"] = begin
        arguments[f"{self.rank}_extent"] = self.extent
        return self.call(self.partial_model, arguments, *options)

    def merge(self, a, b):
        return self.call(self.merge_model,
                         {**{f"{name}_a": value for name, value in a.items()},
                          **{f"{name}_b": value for name, value in b.items()}})

    def finish(self, states):
        return self.call(self.finish_model,
                         {**self.arguments, **states,
                          f"{self.rank}_extent": self.extent})


def check(text, rank, rng):
    """The number of states and the largest error, or why there are none."""
    name = re.search(r"@(\w+)", text).group(1)
    functions, reason = split(text, rank)
    if not functions:
        return name, None, reason
    again, _ = cascades.attn_opt(functions)
    assert again == functions, f"{name} changes when it is read again"
    whole = cascades.models(text)[name]
    derived = cascades.models(text, cascades.DERIVED)[name]
    worst = 0
    for extent, cuts in [(7, [3]), (9, [0, 2, 2, 5, 8])]:
        extents = dict(equivalence.EXTENTS, p=4, m=extent, m1=extent)
        arguments = equivalence.make_arguments(rng, text, extents)
        for scores in ("X", "Y"):
            if scores in arguments and arguments[scores].dtype.kind == "f":
                arguments[scores] = arguments[scores] * (150 / 12)
        form = derived if "attn.topk" in text else whole
        expected = cascades.evaluate(form, arguments)
        pieces = Pieces(name, functions, rank, arguments)
        bounds = [0, *cuts, pieces.extent]
        states = [pieces.partial(*piece, *options) for piece, options in
                  zip(zip(bounds, bounds[1:]),
                      [(), ("--chunk=1",), ("--chunk=2", "--tree")] * 2)]
        start = int(rng.integers(len(states)))
        orders = {"fold": states, "ring": states[start:] + states[:start]}
        for order, queue in orders.items():
            total = queue[0]
            for state in queue[1:]:
                total = pieces.merge(total, state)
            orders[order] = total
        forest = list(states)
        while len(forest) > 1:
            a, b = (forest.pop(int(rng.integers(len(forest))))
                    for _ in range(2))
            forest.append(pieces.merge(a, b))
        orders["tree"] = forest[0]
        for order, total in orders.items():
            actual = pieces.finish(total)
            for output in expected:
                gap = cascades.error(actual[output], expected[output],
                                     LEAST.get(name, 1e-300))
                assert gap <= 1e-12, \
                    f"{name}: {output} differs by {gap} as a {order}"
                worst = max(worst, gap)
    return name, len(states[0]), worst


def main():
    rng = np.random.default_rng(20240607)
    for path in sys.argv[1:]:
        with open(path) as file:
            source = widen(equivalence.shrink(file.read()))
        for text in re.split(r"^(?=attn\.cascade)", source, flags=re.M)[1:]:
            text = re.split(r"^}", text, flags=re.M)[0] + "}\n"
            ranks = re.search(r"ranks\((.*)\) {", text).group(1)
            rank = "m" if re.search(r"\bm\b", ranks) else "m1"
            name, states, result = check(text, rank, rng)
            print(f"{name}: {result}" if states is None else
                  f"{name}: {states} states, largest error {result:.1e}")


if __name__ == "__main__":
    main()
