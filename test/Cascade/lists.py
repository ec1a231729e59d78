"""Lists carried along a stream are those that NumPy sorts.

Values are whole numbers, so that many are equal, with infinities and NaN among
them; chunks of any size, in order and as a tree, must agree on every place.
"""
import numpy as np

import cascades

BEST = """
attn.cascade @best(%X: !attn.tensor<[p, m], f64>, %n: i32)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p], f64>)
    ranks(p, m) {
  %I = attn.einsum [p] = %X[p, m] where (m ne 3 and m < p + %n) reduce(argmax m)
  %GM = attn.einsum [p] = %X[p, m] where (m ne 3 and m < p + %n) reduce(max m)
  %N = attn.einsum [p] = 1.0 where (m ne 3 and m < p + %n and %X[p, m] == %GM[p])
         reduce(add m)
  attn.yield %I, %N
}
"""

SPEC = """
attn.cascade @list(%X: !attn.tensor<[p, m], f64>, %n: i32)
    -> (!attn.tensor<[p, s], f64>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 5) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m ne 3 and m < p + %n)
  %W, %I = attn.topk m to s of %Y
  attn.yield %W, %I
}
"""


def expect(X, n):
    """Largest first, the smaller coordinate first, NaN last; 0 where none."""
    W, I = np.zeros((len(X), 5)), np.zeros((len(X), 5), np.int32)
    for p, row in enumerate(X):
        found = [m for m in range(len(row)) if m != 3 and m < p + n]
        found.sort(key=lambda m: (np.isnan(row[m]),
                                  0 if np.isnan(row[m]) else -row[m], m))
        W[p, :len(found)] = row[found[:5]]
        I[p, :len(found)] = found[:5]
    return {"W": W, "I": I}


def expect_best(X, n):
    """The smallest coordinate of the maximum, -1 of none or NaN; how often."""
    I, N = np.full(len(X), -1, np.int32), np.zeros(len(X))
    for p, row in enumerate(X):
        found = [m for m in range(len(row)) if m != 3 and m < p + n]
        if found and not np.isnan(row[found]).any():
            I[p] = found[int(np.argmax(row[found]))]
            N[p] = (row[found] == row[I[p]]).sum()
    return {"I": I, "N": N}


def main():
    rng = np.random.default_rng(7)
    naive = cascades.models(SPEC)["list"]
    derived = cascades.models(SPEC, cascades.DERIVED)["list"]
    assert '"join"' in derived
    best = cascades.models(BEST)["best"]
    best_derived = cascades.models(BEST, cascades.DERIVED)["best"]
    assert best_derived.count('"stream"') == 1
    checked = 0
    for n in range(0, 14):
        X = rng.integers(-2, 3, (6, 13)).astype(np.float64)
        X[rng.random(X.shape) < 0.2] = -np.inf
        X[rng.random(X.shape) < 0.1] = np.inf
        X[rng.random(X.shape) < 0.3] = np.nan
        expected = expect(X, n)
        for model, orders in ((naive, cascades.ORDERS[:1]),
                              (derived, cascades.ORDERS)):
            cascades.compare(expected, model, dict(X=X, n=n), f"n={n}", orders,
                             tolerance=0)
            checked += len(orders)
        X[:4] = np.nan_to_num(X[:4])
        expected = expect_best(X, n)
        for model, orders in ((best, cascades.ORDERS[:1]),
                              (best_derived, cascades.ORDERS)):
            cascades.compare(expected, model, dict(X=X, n=n), f"n={n}", orders,
                             tolerance=0)
            checked += len(orders)
    print(f"{checked} evaluations have the lists that NumPy has")


main()
