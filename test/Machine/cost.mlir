// The cost model on a machine that is small enough to count by hand.

// RUN: attnc %s --cost --machine=%S/Inputs/tiny.json --size p=16,m=32 | FileCheck %s
// RUN: attnc %s --cost --machine=%S/Inputs/tiny.json --size p=16,m=32 --stop-after=nests | FileCheck %s --check-prefix=NAIVE
// RUN: attnc %s --cost=json --machine=%S/Inputs/tiny.json --size p=16,m=32 | %python -m json.tool | FileCheck %s --check-prefix=JSON

// Chunks of 4 keys. Of 512 bytes a chunk of K and V takes 128, a lane's row of
// Q and the states 40: 8 lanes fit and 16 don't, so K and V (1024 bytes) are
// loaded twice, Q (256 bytes) once. The products fill 4 x 8 lanes, what has no
// rank m 8. An exponential is two multiplications and an addition.
// CHECK-LABEL: @attention on tiny: 2.56e-06 s, 2.088e-08 J
//  CHECK-NEXT:   kernel AV: 2.56e-06 s, 2.088e-08 J, bound by DRAM
//  CHECK-NEXT:     p along the lanes in 2 blocks of 8, m streams
//  CHECK-NEXT:     array: 128 cycles, 5.0 % of its lanes busy, 8.192e-09 J
//  CHECK-NEXT:     vector: 656 cycles, 25.6 % of its lanes busy, 2.432e-09 J
//  CHECK-NEXT:     DRAM: reads 2304 B, writes 256 B, 2.56e-06 s, 7.04e-09 J
// Into the buffer: Q 256, K and V 2048, states 8 x 384. Out of it: Q for each of
// 8 tiles of keys, K and V for each of 2 tiles of queries, the states 8 times
// and two of them, 320 bytes, once more for the division.
//  CHECK-NEXT:     buffer: reads 7488 B, writes 5376 B, 3.216e-09 J
//  CHECK-NEXT:       QK: 2048 mac on array, 64 cycles
//  CHECK-NEXT:       LM: 512 max on vector, 64 cycles
//  CHECK-NEXT:       RM1: 128 max on vector, 16 cycles
//  CHECK-NEXT:       SN: 512 exp on vector, 192 cycles

// A query's scores and weights, 3 x 128 bytes, don't fit beside the rest: each
// tensor of 2048 bytes goes to DRAM and back.
// NAIVE-LABEL: @attention on tiny
//       NAIVE:     DRAM: reads 8448 B, writes 6400 B, 1.4848e-05 s
//       NAIVE:       A: 512 div on vector, 256 cycles

// JSON: "cascade": "attention"
// JSON: "seconds": 2.56e-06
// JSON: "bytes_read": 2304
// JSON: "bound": "DRAM"
// JSON: "lane_blocks": 2
attn.cascade @attention(%Q: !attn.tensor<[p, e], f32>,
                        %K: !attn.tensor<[m, e], f32>,
                        %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 4, f = 4) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %GM = attn.einsum [p]    = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p]    = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}
