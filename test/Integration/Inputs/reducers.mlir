// User-defined reducers, for reducers.py.

attn.reducer @logadd(%a, %b: f32) identity(-inf) =
    max(%a, %b) + log(1.0 + exp(-abs(%a - %b)))
attn.reducer @either(%a, %b: f32) identity(0) = %a + %b - %a * %b
// Of numbers that are 0 or more.
attn.reducer @saturate(%a, %b: f32) identity(0) assumed = min(%a + %b, 4.0)
// Of numbers below 7.
attn.reducer @clock(%a, %b: i32) identity(0) assumed = (%a + %b) mod 7
attn.reducer @odd(%a, %b: i1) identity(false) =
    (%a or %b) and not (%a and %b)

// Along a rank that is streamed, with a filter; rows may be empty.
attn.cascade @streamed(%X: !attn.tensor<[p, m], f32>, %n: i32)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %L = attn.einsum [p] = %X[p, m] where (m < p + %n) reduce(@logadd m)
  %E = attn.einsum [p] = sigmoid(%X[p, m]) * 0.125 where (m < p + %n)
         reduce(@either m)
  %S = attn.einsum [p] = abs(%X[p, m]) * 0.0625 where (m < p + %n)
         reduce(@saturate m)
  attn.yield %L, %E, %S
}

// Two variables, one of them of a fixed extent, and a reduction after another.
attn.cascade @nested(%X: !attn.tensor<[p, m, e], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 24) {
  %L = attn.einsum [p] = %X[p, m, e] reduce(@logadd m, @logadd e)
  %B = attn.einsum [p] = %X[p, m, e] reduce(max m, @logadd e)
  attn.yield %L, %B
}

// Along the vectors' lanes: keys are the innermost that is kept.
attn.cascade @lanes(%X: !attn.tensor<[m, e], f32>)
    -> !attn.tensor<[m], f32> ranks(m, e = 24) {
  %L = attn.einsum [m] = %X[m, e] reduce(@logadd e)
  attn.yield %L
}

attn.cascade @whole(%X: !attn.tensor<[p, m], i32>)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p], i32>) ranks(p, m) {
  %C = attn.einsum [p] = %X[p, m] reduce(@clock m)
  %O = attn.einsum [p] = %X[p, m] == 3 reduce(@odd m)
  %I = attn.einsum [p] = select(%O[p], 1, 0)
  attn.yield %C, %I
}

// An attention whose normaliser is a user's, not the language's: what depends on
// it comes in a traversal of its own.
attn.cascade @attention(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                        %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 16, f = 16) {
  %S = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p + 60)
  %L = attn.einsum [p] = %S[p, m] reduce(@logadd m)
  %AV = attn.einsum [p, f] = exp(%S[p, m] - %L[p]) * %V[m, f]
  attn.yield %AV, %L
}
