"""Lists carried along a stream are those that NumPy sorts.

Values are whole numbers, so that many are equal, with infinities and NaN among
them; chunks of any size, in order and as a tree, must agree on every place.

Lists of softmax weights are of scores from N(0, 150^2), most weights of which
underflow to 0 and are equal: what a list orders are the scores. So all orders
must agree on every place, with what NumPy sorts, too; and with the cascade as
written on every value, to 1e-12, and on which points are best: its own weights
at the coordinates found are its own list.
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

# The best by weight, their weights, payloads and sums: a router.
WEIGHTS = """
attn.cascade @weights(%X: !attn.tensor<[p, m], f64>, %V: !attn.tensor<[m, f], f64>,
                      %n: i32)
    -> (!attn.tensor<[p, m], f64>, !attn.tensor<[p, s], f64>, !attn.tensor<[p, s], i32>,
        !attn.tensor<[p, s], f64>, !attn.tensor<[p, s], f64>, !attn.tensor<[p, f], f64>,
        !attn.tensor<[p], i32>)
    ranks(p, m, s = 5, f = 3) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m ne 3 and m < p + %n)
  %G = attn.einsum [p]    = %Y[p, m] reduce(max m)
  %E = attn.einsum [p, m] = exp(%Y[p, m] - %G[p])
  %D = attn.einsum [p]    = %E[p, m]
  %A = attn.einsum [p, m] = %E[p, m] / %D[p]
  %B = attn.einsum [p, m] = %X[p, m] * 2.0
  %W, %I, %P = attn.topk m to s of %A with %B
  %S = attn.einsum [p]    = %W[p, s]
  %N = attn.einsum [p, s] = %W[p, s] / %S[p]
  %O = attn.einsum [p, f] = %N[p, s] * %V[%I[p, s], f]
  %J = attn.einsum [p]    = %A[p, m] reduce(argmax m)
  attn.yield %A, %W, %I, %P, %N, %O, %J
}
"""


def check_weights(rng):
    """Lists and the first of them, by weights of scores from N(0, 150^2)."""
    naive = cascades.models(WEIGHTS)["weights"]
    # The weights themselves keep m: they are for the cascade as written.
    text = WEIGHTS.replace("!attn.tensor<[p, m], f64>, !attn.tensor<[p, s], f64>, "
                           "!attn.tensor<[p, s], i32>,",
                           "!attn.tensor<[p, s], f64>, "
                           "!attn.tensor<[p, s], i32>,", 1)
    text = text.replace("attn.yield %A, ", "attn.yield ")
    derived = cascades.models(text, cascades.DERIVED)["weights"]
    assert derived.count('"stream"') == 1 and '"join"' in derived
    checked = 0
    for n in (0, 1, 3, 40):
        X = 150 * rng.standard_normal((6, 29))
        X[0] = np.round(X[0] / 100) * 100  # equal scores: equal weights
        V = rng.standard_normal((29, 3))
        written = cascades.evaluate(naive, dict(X=X, V=V, n=n))
        sorted_by_score = expect(X, n)
        for order, *options in cascades.ORDERS:
            actual = cascades.evaluate(derived, dict(X=X, V=V, n=n), *options)
            what = f"n={n} in {order} order"
            for p, row in enumerate(X):
                count = min(5, sum(m != 3 for m in range(min(len(row), p + n))))
                I = actual["I"][p, :count].astype(int)
                assert (actual["I"][p] == sorted_by_score["I"][p]).all(), what
                assert (actual["P"][p, :count] == 2 * row[I]).all(), what
                W, A = written["W"][p, :count], written["A"][p]
                assert cascades.error(A[I], W) <= 1e-12, what
                assert actual["J"][p] == (I[0] if count else -1), what
                assert actual["J"][p] == written["J"][p], what
            for name in ("W", "N", "O"):
                gap = cascades.error(actual[name], written[name])
                assert gap <= 1e-12, f"{name} differs by {gap}: {what}"
            checked += 1
    return checked


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
    checked = check_weights(rng)
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
