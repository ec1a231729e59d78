"""Many threads call one function on one context at the same time.

Every thread has its own output and all must be the same to the last bit, as one
thread alone computes it; for whole and split streams, several nests, and each
instruction set.
"""
import sys
import threading

import numpy as np

import compiled

THREADS, CALLS = 8, 12
rng = np.random.default_rng(20240609)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def inputs(p, m, e, grouped):
    k = 1 if grouped else 2
    return dict(Q=normal(1, 2, p, e), K=normal(1, k, m, e),
                V=normal(1, k, m, e))


def backward():
    given = inputs(65, 130, 64, grouped=False)
    given.update(AV=normal(1, 2, 65, 64), dAV=normal(1, 2, 65, 64),
                 LSE=3 + normal(1, 2, 65))
    return given, {n: given[n[1:]].shape for n in ("dQ", "dK", "dV")}


def attention(p, m):
    given = inputs(p, m, 128, grouped=True)
    return given, {"AV": given["Q"].shape}


def work(kernel, isa, given, shapes, gate, expected, wrong):
    gate.wait()
    for i in range(CALLS):
        results = {n: compiled.poisoned(shape) for n, shape in shapes.items()}
        # How the work is cut decides the rounding, so it is the same.
        kernel(isa, threads=4, **given, **results)
        for name, value in results.items():
            if value.tobytes() != expected[name].tobytes():
                wrong.append((name, i))


def main():
    failed = 0
    for name, (given, shapes) in [("causal_gqa", attention(200, 300)),
                                  ("causal_gqa", attention(1, 6000)),
                                  ("softmax_backward", backward())]:
        kernel = compiled.load(name)
        for isa in kernel.isas:
            expected = {n: compiled.poisoned(s) for n, s in shapes.items()}
            kernel(isa, threads=4, **given, **expected)
            assert all(np.isfinite(x).all() for x in expected.values())
            gate, wrong = threading.Barrier(THREADS), []
            workers = [threading.Thread(target=work, args=(
                kernel, isa, given, shapes, gate, expected, wrong))
                for _ in range(THREADS)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            print(f"{name}, {isa}: {THREADS} threads, {THREADS * CALLS} calls, "
                  f"{len(wrong)} outputs differ")
            failed += len(wrong)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
