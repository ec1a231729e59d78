"""Checks that the analysis of long cascades takes time in proportion."""
import resource
import subprocess
import tempfile


def chain(length):
    """A softmax of a softmax of a .."""
    lines = ["attn.cascade @chain(%X: !attn.tensor<[p, m], f32>,",
             "    %V: !attn.tensor<[m, f], f32>)",
             "    -> !attn.tensor<[p, m], f32> ranks(p, m, f) {"]
    last = "X"
    for i in range(length // 3):
        lines += [
            f"%G{i} = attn.einsum [p] = %{last}[p, m] reduce(max m)",
            f"%S{i} = attn.einsum [p, m] = exp(%{last}[p, m] - %G{i}[p])",
            f"%T{i} = attn.einsum [p, m] = %S{i}[p, m] * %V[m, f]"]
        last = f"T{i}"
    return "\n".join(lines + [f"attn.yield %{last}", "}"])


def measure(text, *options):
    """Seconds of CPU time, and what is printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(text)
        file.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(
            ["attn-opt", file.name, "-o", "/dev/null", *options],
            check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime, output


def analyse(length):
    text = chain(length)
    seconds, output = measure(text, "--attn-print-traversals")
    traversals = length // 3 + 1
    assert f"m: {traversals} traversals, {traversals} phases" in output, \
        output[:200]
    return max(seconds - measure(text)[0], 0.02)


short, long = analyse(999), analyse(9999)
print(f"999 Einsums: {short:.3f} s, 9999 Einsums: {long:.3f} s")
assert short < 1, "999 Einsums take a second"
assert long < 40 * short, "ten times the Einsums take 40 times as long"
