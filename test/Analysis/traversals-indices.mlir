// Indices other than a plain variable, and what counts for nothing.

// RUN: attn-opt %s --attn-print-traversals -o /dev/null | FileCheck %s

/// The example of the pass's documentation.
// CHECK-LABEL: @center
//  CHECK-NEXT: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: S; Y after T; live: one tile
//  CHECK-NEXT:   S: phase 0, streams; live: |m|
//  CHECK-NEXT:   T: phase 0, at its end
//  CHECK-NEXT:   Y: phase 1 after T, streams; live: one tile
attn.cascade @center(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %S = attn.einsum [m] = %X[m] * %X[m]
  %T = attn.einsum [] = %S[m]
  %Y = attn.einsum [m] = %S[m] / %T[]
  attn.yield %Y
}

/// A scalar output of a rank that nothing walks.
// CHECK-LABEL: @never_walked
//       CHECK: m: 0 traversals, 0 phases
//  CHECK-NEXT:   %X: 0 traversals; live: one tile
//  CHECK-NEXT: n: 1 traversal, 1 phase
//  CHECK-NEXT:   %Y: 1 traversal: S; live: one tile
attn.cascade @never_walked(%X: !attn.tensor<[m], f32>,
                           %Y: !attn.tensor<[n], f32>)
    -> !attn.tensor<[], f32> ranks(m, n) {
  %S = attn.einsum [] = %Y[n] + %X[0]
  attn.yield %S
}

/// The dead Einsum would walk X again.
// CHECK-LABEL: @dead
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %X: 1 traversal: S; live: one tile
//  CHECK-NEXT:   S: phase 0, at its end
//  CHECK-NEXT: Y: no output depends on it
attn.cascade @dead(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[], f32>
    ranks(m) {
  %S = attn.einsum [] = %X[m]
  %Y = attn.einsum [m] = %X[m] / %S[]
  attn.yield %S
}

/// A shift streams: a few coordinates more are live.
// CHECK-LABEL: @shift
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %X: 1 traversal: Y; live: one tile
//  CHECK-NEXT:   Y: phase 0, streams; live: one tile + 3
//  CHECK-NEXT:   Z: phase 0, streams; live: one tile
attn.cascade @shift(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = attn.einsum [m] = %X[m] * 2.0
  %Z = attn.einsum [m] = %Y[m - 3] + %Y[m + 1]
  attn.yield %Z
}

/// So does a window of a fixed length.
// CHECK-LABEL: @window
//       CHECK: m: 1 traversal, 1 phase
//       CHECK:   Y: phase 0, streams; live: one tile + 3
//  CHECK-NEXT:   Z: phase 0, streams; live: one tile
attn.cascade @window(%X: !attn.tensor<[m], f32>, %W: !attn.tensor<[w], f32>)
    -> !attn.tensor<[m], f32> ranks(m, w = 4) {
  %Y = attn.einsum [m] = %X[m] * 2.0
  %Z = attn.einsum [m] = %Y[m + w] * %W[w]
  attn.yield %Z
}

/// The first coordinate of Z needs the last of Y.
// CHECK-LABEL: @reversed
//       CHECK: m: 2 traversals, 2 phases
//       CHECK:   Y: phase 0, streams; live: |m|
//  CHECK-NEXT:   Z: phase 1 after Y, streams; live: one tile
attn.cascade @reversed(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = attn.einsum [m] = %X[m] * 2.0
  %Z = attn.einsum [m] = %Y[extent(m) - 1 - m]
  attn.yield %Z
}

/// The window has no bound.
// CHECK-LABEL: @unbounded_window
//       CHECK: m: 2 traversals, 2 phases
//       CHECK:   Z: phase 1 after Y, streams
attn.cascade @unbounded_window(%X: !attn.tensor<[m], f32>,
                               %W: !attn.tensor<[w], f32>)
    -> !attn.tensor<[m], f32> ranks(m, w) {
  %Y = attn.einsum [m] = %X[m] * 2.0
  %Z = attn.einsum [m] = %Y[m + w] * %W[w]
  attn.yield %Z
}

/// Z runs ahead of Y.
// CHECK-LABEL: @dilated
//       CHECK: m: 2 traversals, 2 phases
//       CHECK:   Z: phase 1 after Y, streams
attn.cascade @dilated(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = attn.einsum [m] = %X[m] * 2.0
  %Z = attn.einsum [m] = %Y[2 * m]
  attn.yield %Z
}

/// A coordinate alone is no walk: Z is there at the end.
// CHECK-LABEL: @last_coordinate
//       CHECK: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: Y; N after Y; live: |m|
//  CHECK-NEXT:   Y: phase 0, streams; live: one tile
//  CHECK-NEXT:   Z: phase 0, at its end
//  CHECK-NEXT:   N: phase 1 after Y, streams; live: one tile
attn.cascade @last_coordinate(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = exp(%X[m])
  %Z = attn.einsum [] = %Y[extent(m) - 1]
  %N = attn.einsum [m] = %X[m] / %Z[]
  attn.yield %N
}

/// A group walks the product's coordinates; k walks its tiles.
// CHECK-LABEL: @group
//       CHECK: g: 1 traversal, 1 phase
//  CHECK-NEXT:   %Q: 1 traversal: Y;
//       CHECK: h (with k): 1 traversal, 1 phase
//  CHECK-NEXT:   %Q: 1 traversal: Y; live: one tile
//  CHECK-NEXT:   Y: phase 0, streams; live: one tile
//  CHECK-NEXT:   Z: phase 0, streams; live: one tile
//  CHECK-NEXT:   O: phase 0, streams; live: one tile
attn.cascade @group(%Q: !attn.tensor<[h], f32>, %K: !attn.tensor<[k], f32>)
    -> !attn.tensor<[h], f32> ranks(k, g, h = k * g) {
  %Y = attn.einsum [k, g] = %Q[(k, g)] * %K[k]
  %Z = attn.einsum [(k, g)] = %Y[k, g] * 2.0
  %O = attn.einsum [h] = %Z[h] + 1.0
  attn.yield %O
}

/// Extents that a call decides are strides, too.
// CHECK-LABEL: @symbolic_view
//       CHECK: m (with m1): 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: B; N after S; live: one tile
//  CHECK-NEXT:   B: phase 0, streams; live: |m1| x |m0|
attn.cascade @symbolic_view(%X: !attn.tensor<[m], f32>,
                            %L: !attn.tensor<[m0], f32>,
                            %T: !attn.tensor<[m1], f32>)
    -> !attn.tensor<[m1, m0], f32> ranks(m, m1, m0) {
  %B = attn.einsum [m1, m0] = %X[m1 * extent(m0) + m0] * %L[m0] * %T[m1]
  %S = attn.einsum [] = %B[m1, m0]
  %N = attn.einsum [m1, m0] = %B[m1, m0] / %S[]
  attn.yield %N
}

/// One scale for each block: walked by m as K is.
// CHECK-LABEL: @block_scales
//       CHECK: m (with m1): 2 traversals, 2 phases
//  CHECK-NEXT:   %K: 2 traversals: D; N after S;
//       CHECK: m1 (with m): 2 traversals, 2 phases
//  CHECK-NEXT:   %scale: 2 traversals: D; N after S;
attn.cascade @block_scales(%K: !attn.tensor<[m], i8>,
                           %scale: !attn.tensor<[m1], f32>)
    -> !attn.tensor<[m], f32> ranks(m, m1 = ceildiv(m, 64)) {
  %D = attn.einsum [m] = cast(%K[m], f32) * %scale[m floordiv 64]
  %S = attn.einsum [] = %D[m]
  %N = attn.einsum [m] = %D[m] / %S[]
  attn.yield %N
}

/// Pages: m1 walks K through the table, and the page found is read once.
// CHECK-LABEL: @paged
//       CHECK: page: 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal: QK; gathered; live: one tile
//       CHECK: m1: 2 traversals, 2 phases
//  CHECK-NEXT:   %K: 2 traversals: QK; SN after GM; gathered;
//  CHECK-NEXT:   %table: 2 traversals: QK; SN after GM;
attn.cascade @paged(%K: !attn.tensor<[page, m0], f32>,
                    %table: !attn.tensor<[m1], i32>)
    -> !attn.tensor<[], f32> ranks(page, m1, m0 = 16) {
  %QK = attn.einsum [m1, m0] = %K[%table[m1], m0]
  %GM = attn.einsum [] = %QK[m1, m0] reduce(max m1, max m0)
  %SN = attn.einsum [m1, m0] = exp(%QK[m1, m0] - %GM[])
  %SD = attn.einsum [] = %SN[m1, m0]
  attn.yield %SD
}

/// All scores are there before any key is gathered.
// CHECK-LABEL: @top_keys
//       CHECK: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %K: 2 traversals: G; KS after W; gathered; live: |m| x |e|
//       CHECK:   W: phase 0, at its end
//       CHECK:   KS: phase 1 after W, at its end
attn.cascade @top_keys(%q: !attn.tensor<[e], f32>, %K: !attn.tensor<[m, e], f32>)
    -> (!attn.tensor<[s], f32>, !attn.tensor<[s, e], f32>)
    ranks(m, e, s = 8) {
  %G = attn.einsum [m] = %q[e] * %K[m, e]
  %W, %I = attn.topk m to s of %G
  %KS = attn.einsum [s, e] = %K[%I[s], e]
  attn.yield %W, %KS
}

/// One tensor is queries and keys: walked by p once, by m twice.
// CHECK-LABEL: @self_attention
//       CHECK: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: QK; SN after GM;
//       CHECK: p: 1 traversal, 1 phase
//  CHECK-NEXT:   %X: 1 traversal: QK;
attn.cascade @self_attention(%X: !attn.tensor<[m, e], f32>,
                             %Y: !attn.tensor<[p], f32>)
    -> !attn.tensor<[p], f32> ranks(m, p, e) {
  %QK = attn.einsum [p, m] = %X[p, e] * %X[m, e] * %Y[p]
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  attn.yield %SD
}

/// Another name for the same walk.
// CHECK-LABEL: @renamed
//       CHECK: m (with n): 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: S; Y after S;
attn.cascade @renamed(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[n], f32>
    ranks(m, n = 64) {
  %S = attn.einsum [] = %X[m]
  %Y = attn.einsum [n] = %X[n] / %S[]
  attn.yield %Y
}

/// V waits for the third phase, and so does what is computed of it alone.
// CHECK-LABEL: @delayed_projection
//       CHECK: m: 2 traversals, 2 phases
//       CHECK:   VP: phase 0, streams; live: one tile
attn.cascade @delayed_projection(%X: !attn.tensor<[m], f32>,
                                 %V: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  %VP = attn.einsum [m] = %V[m] * 2.0
  %G = attn.einsum [] = %X[m] reduce(max m)
  %AV = attn.einsum [] = exp(%X[m] - %G[]) * %VP[m]
  attn.yield %AV
}

/// The weights are read at every coordinate of t, one after the other.
// CHECK-LABEL: @weights_in_a_recurrence
//       CHECK: e: 1 traversal, 1 phase
//  CHECK-NEXT:   %X: 1 traversal: N;
//  CHECK-NEXT:   %W: 1 traversal, again at every t: N;
attn.cascade @weights_in_a_recurrence(%X: !attn.tensor<[t, e], f32>,
                                      %W: !attn.tensor<[e], f32>,
                                      %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks(e, t) {
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    %N = attn.einsum [] = tanh(%s[]) + %W[e] * %X[t, e]
    attn.yield %N
  }
  attn.yield %S
}

/// The output is of elements that a recurrence took apart: still X's.
// CHECK-LABEL: @after_a_recurrence
//       CHECK: t: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: N; Y after T; live: one tile
//  CHECK-NEXT:   N: phase 0, streams; live: one tile
//  CHECK-NEXT:   all: phase 0, streams; live: |t|
attn.cascade @after_a_recurrence(%X: !attn.tensor<[t], f32>,
                                 %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[t], f32> ranks(t) {
  %last, %all = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[], f32>, !attn.tensor<[t], f32>) {
    %N = attn.einsum [] = 0.5 * %s[] + %X[t]
    attn.yield %N, %N
  }
  %T = attn.einsum [] = %all[t] * %all[t]
  %Y = attn.einsum [t] = %all[t] / %T[] + %last[]
  attn.yield %Y
}
