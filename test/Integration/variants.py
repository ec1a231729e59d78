"""Compiles one variant and compares it with the reference at many sizes.

  variants.py NAME

One object with all CPU levels; each level is forced on every size. Sizes are
ones, primes, and one more or less than tiles; rows and keys may be none. Scores
are moderate and then of deviation 150, with rows that are padded and outputs
that start as NaN. Then the same with 16-bit tensors, for some.
"""
import os
import re
import subprocess
import sys

import compiled

HEADS = {"h": ["h=3", "h=1", "h=2"], "kg": ["k=2,g=3", "k=1,g=2", "k=3,g=1"]}
# Queries and keys. The last are long, and split where there is one head.
SIZES = [(1, 1), (7, 13), (16, 16), (17, 15), (31, 33), (64, 64), (63, 65),
         (129, 127), (127, 256), (5, 0), (0, 5), (1, 257), (2, 4099)]
DECAY = ["--fill", "gamma=uniform:0.5:1"]
NONE = ["--slice", "bias:m:0=-inf", "--slice", "bias:p:0=-inf"]
# What a variant's options are besides the plain ones: lists of options, one of
# which is taken at each size in turn.
OPTIONS = {
    "additive_bias": [[], NONE],
    "delta_net": [["--fill", "beta=uniform:0:1"]],
    "gated_delta_net": [["--fill", "beta=uniform:0:1", "--fill",
                         "g=uniform:-2:0"]],
    # Else the scores are so large that bf16's errors in them have no bound.
    "documents": [["--fill", "start=int:-2:200"]],
    "int8_block_scales": [["--fill", "Kscale=uniform:0:0.02"]],
    "int8_scores": [["--fill", f"Qscale=uniform:0:0.02,Kscale=uniform:0:{s}"]
                    for s in (0.02, 3)],
    "key_padding": [[], ["--fill", "len=const:0"]],
    "logsumexp": [[], ["--skip", "AV"], ["--skip", "LSE"]],
    "prefix": [["--fill", "prefix=int:-2:200"]],
    "paged_keys": [[], ["--fill", "table=int:-2:41"]],
    "retention": [DECAY],
    "rwkv7": [["--fill", "a=uniform:0:1"]],
    "sliding_window_sinks": [
        ["--scalar", f"window={w},sinks={s}"]
        for w, s in [(16, 4), (1, 0), (0, 1), (100, 128), (0, 0), (63, 17)]],
    "softmax_backward": [[], ["--skip", "dQ"], ["--skip", "dK,dV"]],
    "softmax_backward_gqa": [[], ["--skip", "dQ"], ["--skip", "dK,dV"]],
}
# Recurrences, and the sizes of the chunks that they run in besides.
RECURRENCES = ["delta_net", "gated_delta_net", "gated_linear_attention",
               "linear_attention", "retention", "rwkv7"]
CHUNKS = [16, 64]
NARROW = {"additive_bias": ["f32=bf16"], "causal_gqa": ["f32=bf16"],
          "key_padding": ["f32=bf16"], "logsumexp": ["f32=bf16"],
          "prefix": ["f32=bf16"], "sigmoid": ["f32=bf16"],
          "sliding_window_sinks": ["f32=f16", "f32=bf16"],
          "softmax_backward": ["f32=bf16"]}
ALLOWED = re.compile(r"attnrt_\w+|memcpy|memset")


def sizes(name, text):
    heads = HEADS["kg" if " g," in text else "h"]
    for i, (p, m) in enumerate(SIZES):
        batch = f"b={2 - (p + m > 200)}"
        head = heads[i % 3] if p + m < 1000 else heads[1]
        if name in RECURRENCES:
            yield f"{batch},{head},t={p}"
        elif name == "paged_keys":
            yield f"{batch},{head},p={p},page=40,m1={-(-m // 16)}"
        elif name == "relative_bias":
            # All distances, or all but the last.
            yield f"{batch},{head},p={p},m={m},d={max(p + m - 1 - i % 2, 0)}"
        else:
            yield f"{batch},{head},p={p},m={m}"


class Runs:
    def __init__(self):
        self.count = self.values = 0
        self.worst = {}
        self.failures = []

    def run(self, object, label, size, options):
        command = ["attn-run", object, "--check", "--size", size, *options]
        done = subprocess.run(command, capture_output=True, text=True,
                              env=dict(os.environ, OMP_WAIT_POLICY="passive"))
        self.count += 1
        for line in done.stdout.splitlines():
            error = re.search(r"max error (\S+) of the bound", line)
            if error:
                self.worst[label] = max(self.worst.get(label, 0),
                                        float(error.group(1)))
                self.values += int(re.search(r"(\d+) values compared",
                                             line).group(1))
        if done.returncode:
            self.failures.append(" ".join(command) + "\n" + "\n".join(
                line for line in done.stdout.splitlines()
                if "FAILED" in line) + done.stderr)


def check_symbols(object):
    listed = subprocess.run(
        ["llvm-nm", "-D", "--undefined-only", "--format=just-symbols", object],
        capture_output=True, text=True, check=True).stdout.split()
    foreign = [name for name in listed if not ALLOWED.fullmatch(name)]
    print(f"refers to {', '.join(listed)}")
    return [f"{object} refers to {name}" for name in foreign]


def main(name):
    path = compiled.spec(name)
    text = compiled.read(path, "r")
    object = compiled.compile(path)
    isas = compiled.Kernel(object, name).isas
    runs = Runs()
    runs.failures += check_symbols(object)
    choices = OPTIONS.get(name, [[]])
    for isa in isas:
        for i, size in enumerate(sizes(name, text)):
            # An empty tensor has no row to set.
            chosen = choices[0 if "=0" in size else i % len(choices)]
            options = [f"--isa={isa}", f"--threads={[2, 1, 5][i % 3]}",
                       f"--seed={i + 1}", *chosen]
            runs.run(object, isa, size, options)
            # The gradients' inputs don't belong together when scaled.
            if not name.startswith("softmax_backward"):
                runs.run(object, f"{isa} large", size, options + [
                    "--scale-of-inputs=12.25", "--pad=3"])
    for types in NARROW.get(name, []):
        narrow = compiled.compile(path, f"--type={types}")
        for isa in compiled.Kernel(narrow, name).isas:
            for i, size in enumerate(sizes(name, text)):
                large = i % 2 and name != "softmax_backward"
                scale = ["--scale-of-inputs=12.25"] if large else []
                runs.run(narrow, f"{types} {isa}", size, [
                    f"--isa={isa}", "--pad=3", *scale,
                    *choices[0 if "=0" in size else i % len(choices)]])
    for chunk in CHUNKS if name in RECURRENCES else []:
        chunked = compiled.compile(path, f"--options=chunk={chunk}")
        for i, size in enumerate(sizes(name, text)):
            runs.run(chunked, f"chunks of {chunk}", size, [
                f"--isa={isas[i % len(isas)]}", f"--seed={i + 1}",
                *choices[i % len(choices)]])
    print(f"{name}: {runs.count} runs, {runs.values} values; error as a part "
          "of the bound: " + ", ".join(f"{label} {error:.2g}" for label, error
                                       in runs.worst.items()))
    for failure in runs.failures:
        print(failure)
    return bool(runs.failures) or not runs.values


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
