"""What the GPU benchmark measures, most valuable first."""
import itertools

HEADS = {64: 32, 128: 16}  # of a model width of 2048
TOKENS = 16384
DOCUMENT, WINDOW, SINKS, PREFIX = 1024, 1024, 4, 256
# Spec, whether causal, and a name for each variant of scores and masks.
VARIANTS = {
    "ALiBi, causal": "alibi",
    "softcap 50, causal": "softcap",
    "window 1024": "sliding_window_sinks",
    "4 sinks, window 1024": "sliding_window_sinks",
    "documents of 1024, causal": "documents",
    "prefix 256": "prefix",
    "relative bias, full": "relative_bias",
}
# checks.py says what they are.
CHECKS = ["graph", "extents", "loading", "delays", "order"]
# Batch and keys; 32 query heads, 8 heads of keys, D 128, one query.
CACHES = [(1, 8192), (1, 131072), (16, 8192), (64, 8192), (16, 32768)]


def prefill(lengths):
    for n, d, spec in itertools.product(lengths, (128, 64),
                                        ("softmax_naive", "causal")):
        # One head and batch at least.
        batch = max(1, TOKENS // n)
        yield dict(kind="prefill", spec=spec, d=d, batch=batch, heads=HEADS[d],
                   n=n)


def list_points():
    for name in CHECKS:
        yield dict(kind="check", spec=name)
    for batch, keys in CACHES:
        yield dict(kind="decode", spec="causal_gqa", d=128, batch=batch,
                   heads=32, key_heads=8, n=keys)
    yield from prefill((8192, 4096, 16384))
    for d, name in itertools.product((128, 64), VARIANTS):
        yield dict(kind="variant", spec=VARIANTS[name], variant=name, d=d,
                   batch=2, heads=HEADS[d], n=8192)
    yield from prefill((2048, 1024, 32768))


def get_key(point):
    """What names a point in a file of samples."""
    return " ".join(str(point[name]) for name in (
        "kind", "spec", "variant", "d", "batch", "heads", "n")
        if name in point)


def count_scores(point):
    """The pairs of a query and a key that are left, of one head."""
    n, variant = point["n"], point.get("variant")
    if point["kind"] == "decode":
        return n
    causal = n * (n + 1) // 2
    if point["spec"] in ("softmax_naive", "relative_bias"):
        return n * n
    if point["spec"] == "documents":
        return n // DOCUMENT * (DOCUMENT * (DOCUMENT + 1) // 2)
    if point["spec"] == "prefix":
        return causal + PREFIX * (PREFIX - 1) // 2
    if point["spec"] != "sliding_window_sinks":
        return causal
    rows = n - WINDOW  # that see a whole window
    scores = causal - rows * (rows + 1) // 2
    if variant.startswith("4 sinks"):
        # Of the keys that are out of the window.
        scores += sum(min(SINKS, row) for row in range(1, rows + 1))
    return scores


def count_flop(point):
    """Of the two contractions, over the pairs that are left."""
    return (4 * point["batch"] * point["heads"] * point["d"] *
            count_scores(point))
