// Filters that compare coordinates with what tensors hold: the least and the
// greatest of a tile bound its loops (tile.bounds). Integers of all sizes, so
// that sums with them wrap; rows with all keys, and with none.

// RUN: %python %S/value_bounds.py %s

/// From a row's first key to its last.
attn.cascade @range(%X: !attn.tensor<[b, p, m], f32>,
                    %start: !attn.tensor<[b, p], i32>,
                    %end: !attn.tensor<[b, p], i32>)
    -> !attn.tensor<[b, p], f32> ranks(b, p, m) {
  %S = attn.einsum [b, p] = %X[b, p, m]
      where (m >= %start[b, p] and m < %end[b, p]) reduce(add m)
  attn.yield %S
}

/// Of i64, next to whose ends no difference can be taken.
attn.cascade @wide(%X: !attn.tensor<[p, m], f32>, %start: !attn.tensor<[p], i64>,
                   %end: !attn.tensor<[p], i64>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
      where (%start[p] <= m and %end[p] > m) reduce(add m)
  attn.yield %S
}

/// Sums on the key's side of a comparison, and on the other, which wrap.
attn.cascade @sums(%X: !attn.tensor<[p, m], f32>, %start: !attn.tensor<[p], i32>,
                   %end: !attn.tensor<[p], i32>, %wide: !attn.tensor<[p], i64>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %A = attn.einsum [p] = %X[p, m]
      where (m - %start[p] >= 3 and m - %end[p] < 0) reduce(add m)
  %B = attn.einsum [p] = %X[p, m]
      where (m >= %start[p] - 5 and %end[p] + p > m) reduce(add m)
  %C = attn.einsum [p] = %X[p, m]
      where (%wide[p] - m <= 2 or m <= %wide[p] + 5000) reduce(add m)
  attn.yield %A, %B, %C
}

/// No other filter of the stream keeps what the bounds would leave out.
attn.cascade @alone(%X: !attn.tensor<[p, m], f32>, %end: !attn.tensor<[p], i32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m] where (m - %end[p] < 0) reduce(add m)
  attn.yield %S
}

/// What is the same for all rows of a batch wraps alike.
attn.cascade @uniform(%X: !attn.tensor<[b, p, m], f32>,
                      %length: !attn.tensor<[b], i32>)
    -> (!attn.tensor<[b, p], f32>, !attn.tensor<[b, p], f32>)
    ranks(b, p, m) {
  %A = attn.einsum [b, p] = %X[b, p, m]
      where (m <= p + %length[b]) reduce(add m)
  %B = attn.einsum [b, p] = %X[b, p, m] where (m + %length[b] > p) reduce(add m)
  attn.yield %A, %B
}

/// Sinks or a range, all but a range, and one key or all but one.
attn.cascade @either(%X: !attn.tensor<[p, m], f32>,
                     %start: !attn.tensor<[p], i32>,
                     %end: !attn.tensor<[p], i32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>,
        !attn.tensor<[p], f32>) ranks(p, m) {
  %A = attn.einsum [p] = %X[p, m]
      where (m < 2 or m >= %start[p] and m <= max(%start[p], %end[p]))
      reduce(add m)
  %B = attn.einsum [p] = %X[p, m]
      where (not (m >= min(%start[p], %end[p]) and m < %end[p])) reduce(add m)
  %C = attn.einsum [p] = %X[p, m] where (m == %start[p]) reduce(add m)
  %D = attn.einsum [p] = %X[p, m] where (not (m == %start[p])) reduce(add m)
  attn.yield %A, %B, %C, %D
}

/// Rows whose bound is outside its tensor are absent; a bound of a bound.
attn.cascade @absent(%X: !attn.tensor<[p, m], f32>,
                     %start: !attn.tensor<[p], i32>,
                     %place: !attn.tensor<[p], i32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %A = attn.einsum [p] = %X[p, m] where (m >= %start[p + 3]) reduce(add m)
  %B = attn.einsum [p] = %X[p, m] where (m >= %start[%place[p]]) reduce(add m)
  attn.yield %A, %B
}

/// The other way round: what is read depends on the rank that is gone through.
attn.cascade @backward(%X: !attn.tensor<[p, m], f32>,
                       %start: !attn.tensor<[p], i32>,
                       %end: !attn.tensor<[p], i32>,
                       %first: !attn.tensor<[m], i32>)
    -> (!attn.tensor<[m], f32>, !attn.tensor<[m], f32>) ranks(p, m) {
  %A = attn.einsum [m] = %X[p, m]
      where (m >= %start[p] and m < %end[p]) reduce(add p)
  %B = attn.einsum [m] = %X[p, m]
      where (p >= %first[m] and m <= p + %start[p]) reduce(add p)
  attn.yield %A, %B
}

/// Of the same document, and of it or an earlier one.
attn.cascade @same(%X: !attn.tensor<[b, p, m], f32>,
                   %query: !attn.tensor<[b, p], i32>,
                   %key: !attn.tensor<[b, m], i32>)
    -> (!attn.tensor<[b, p], f32>, !attn.tensor<[b, p], f32>)
    ranks(b, p, m) {
  %A = attn.einsum [b, p] = %X[b, p, m]
      where (%query[b, p] == %key[b, m] and m <= p) reduce(add m)
  %B = attn.einsum [b, p] = %X[b, p, m]
      where (%query[b, p] >= %key[b, m]) reduce(add m)
  attn.yield %A, %B
}
