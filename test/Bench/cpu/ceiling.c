//===- ceiling.c - What this machine can do, beside a kernel --------------===//
//
// Ceilings for a number of threads: fused multiply-adds on registers (no
// loads); products on AMX of operands that lie in tile order; bandwidth over
// arrays that no cache holds, or over the arrays that a kernel works on
// (streams: a read, or a read and a write). A kernel's speed is reported as a
// fraction of these, measured within the same second, because a virtual
// machine's clock changes under it.
//
//   cc -O2 -shared -fPIC ceiling.c -o ceiling.so -lpthread     (for ctypes)
//   cc -O2 -DCEILING_MAIN ceiling.c -o ceiling -lpthread       (prints JSON)
//
//===----------------------------------------------------------------------===//

#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* 24 independent accumulators hide an FMA's latency on every core that has
 * AVX-512 (2 a cycle, 4 cycles: 8 are enough); AVX2 has 16 registers. */
__attribute__((target("avx512f"))) static double fmaAvx512(long rounds) {
  __m512 acc[24], x = _mm512_set1_ps(1.0f), y = _mm512_set1_ps(1e-9f);
  for (int i = 0; i < 24; ++i)
    acc[i] = _mm512_set1_ps((float)i);
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i)
      acc[i] = _mm512_fmadd_ps(x, y, acc[i]);
    __asm__ volatile("" : "+v"(x), "+v"(y));
  }
  __m512 sum = acc[0];
  for (int i = 1; i < 24; ++i)
    sum = _mm512_add_ps(sum, acc[i]);
  volatile float sink = _mm512_reduce_add_ps(sum);
  (void)sink;
  return 24.0 * 16 * 2 * (double)rounds;
}

__attribute__((target("avx2,fma"))) static double fmaAvx2(long rounds) {
  __m256 acc[12], x = _mm256_set1_ps(1.0f), y = _mm256_set1_ps(1e-9f);
  for (int i = 0; i < 12; ++i)
    acc[i] = _mm256_set1_ps((float)i);
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i)
      acc[i] = _mm256_fmadd_ps(x, y, acc[i]);
    __asm__ volatile("" : "+x"(x), "+x"(y));
  }
  __m256 sum = acc[0];
  for (int i = 1; i < 12; ++i)
    sum = _mm256_add_ps(sum, acc[i]);
  float lanes[8];
  _mm256_storeu_ps(lanes, sum);
  volatile float sink = lanes[0] + lanes[7];
  (void)sink;
  return 12.0 * 8 * 2 * (double)rounds;
}

/* Asks the kernel for the tile registers; 0 where there are none. */
static int permitAmx(void) {
  const int arch_req_xcomp_perm = 0x1023, xtiledata = 18;
  return syscall(SYS_arch_prctl, arch_req_xcomp_perm, xtiledata) == 0;
}

/* bf16 from N(0,1): zeros would take less power, and the clock is higher. */
static uint16_t *makeNormal(size_t count) {
  uint16_t *x = aligned_alloc(64, count * sizeof *x);
  uint32_t state = 1;
  for (size_t i = 0; i < count; ++i) {
    float sum = -6; /* twelve uniform numbers have variance 1 */
    for (int j = 0; j < 12; ++j) {
      state = state * 1664525u + 1013904223u;
      sum += (float)(state >> 8) / 16777216.0f;
    }
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    x[i] = (uint16_t)(bits >> 16);
  }
  return x;
}

/* c[m, n] = a[m, k] * b[k, n], all in tiles of 16 rows of 64 bytes, two by two
 * registers of sums; m and n are multiples of 32, k of 32. */
__attribute__((target("amx-tile,amx-bf16"))) static double
amxProduct(const uint16_t *a, const uint16_t *b, float *c, long m, long n,
           long k) {
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } __attribute__((aligned(64))) config = {.palette = 1};
  for (int i = 0; i < 8; ++i) {
    config.bytes[i] = 64;
    config.rows[i] = 16;
  }
  _tile_loadconfig(&config);
  long steps = k / 32, tile = 512, columns = n / 16;
  for (long i = 0; i < m / 16; i += 2)
    for (long j = 0; j < columns; j += 2) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (long s = 0; s < steps; ++s) {
        _tile_loadd(4, a + (i * steps + s) * tile, 64);
        _tile_loadd(6, b + (j * steps + s) * tile, 64);
        _tile_loadd(7, b + ((j + 1) * steps + s) * tile, 64);
        _tile_loadd(5, a + ((i + 1) * steps + s) * tile, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_stored(0, c + (i * columns + j) * 256, 64);
      _tile_stored(1, c + (i * columns + j + 1) * 256, 64);
      _tile_stored(2, c + ((i + 1) * columns + j) * 256, 64);
      _tile_stored(3, c + ((i + 1) * columns + j + 1) * 256, 64);
    }
  _tile_release();
  return 2.0 * (double)m * (double)n * (double)k;
}

/* Reads `count` floats once; the sum keeps the loads alive. */
static double readOnce(const float *x, size_t count) {
  float sum[64] = {0};
  for (size_t i = 0; i + 64 <= count; i += 64)
    for (int j = 0; j < 64; ++j)
      sum[j] += x[i + j];
  float all = 0; /* of every element, so that every line is read */
  for (int j = 0; j < 64; ++j)
    all += sum[j];
  volatile float sink = all;
  (void)sink;
  return 4.0 * (double)count;
}

/* In-place x = a * x: one read and one write of every element. */
static double sweepOnce(float *x, size_t count) {
  for (size_t i = 0; i < count; ++i)
    x[i] *= 0.999f;
  return 8.0 * (double)count;
}

enum { KIND_FMA_AVX512, KIND_FMA_AVX2, KIND_AMX, KIND_READ, KIND_SWEEP };

typedef struct {
  int kind;
  double until; /* seconds of work */
  float *data;
  size_t count;
  const long *shape; /* m, n, k of a product */
  pthread_barrier_t *start;
  double amount, seconds;
} worker;

static void *work(void *argument) {
  worker *w = argument;
  if (w->data) /* first touch by the thread that uses it */
    for (size_t i = 0; i < w->count; ++i)
      w->data[i] = 1.0f;
  const long *shape = w->shape;
  uint16_t *a = shape ? makeNormal((size_t)(shape[0] * shape[2])) : NULL;
  uint16_t *b = shape ? makeNormal((size_t)(shape[1] * shape[2])) : NULL;
  float *c =
      shape ? aligned_alloc(64, 4 * (size_t)(shape[0] * shape[1])) : NULL;
  pthread_barrier_wait(w->start);
  double begin = now(), elapsed;
  do {
    switch (w->kind) {
    case KIND_FMA_AVX512:
      w->amount += fmaAvx512(100000);
      break;
    case KIND_FMA_AVX2:
      w->amount += fmaAvx2(100000);
      break;
    case KIND_AMX:
      w->amount += amxProduct(a, b, c, shape[0], shape[1], shape[2]);
      break;
    case KIND_READ:
      w->amount += readOnce(w->data, w->count);
      break;
    default:
      w->amount += sweepOnce(w->data, w->count);
    }
    elapsed = now() - begin;
  } while (elapsed < w->until);
  w->seconds = elapsed;
  free(a);
  free(b);
  free(c);
  return NULL;
}

static double measure(int kind, int threads, double seconds, size_t bytes,
                      const long *shape) {
  if (threads < 1 || threads > 256)
    return 0;
  pthread_t ids[256];
  worker workers[256];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  memset(workers, 0, sizeof workers);
  for (int t = 0; t < threads; ++t) {
    workers[t].kind = kind;
    workers[t].until = seconds;
    workers[t].shape = shape;
    workers[t].start = &start;
    if (bytes) {
      workers[t].count = bytes / sizeof(float) / (size_t)threads;
      workers[t].data =
          aligned_alloc(1 << 21, workers[t].count * sizeof(float));
      if (!workers[t].data)
        abort();
      madvise(workers[t].data, bytes / (size_t)threads, MADV_HUGEPAGE);
    }
    pthread_create(&ids[t], NULL, work, &workers[t]);
  }
  double rate = 0;
  for (int t = 0; t < threads; ++t) {
    pthread_join(ids[t], NULL);
    rate += workers[t].amount / workers[t].seconds;
    free(workers[t].data);
  }
  pthread_barrier_destroy(&start);
  return rate * 1e-9;
}

/* GFLOP/s of f32 multiply-adds; bits is 512 or 256; 0 where the CPU lacks it.
 */
double ceiling_fma(int bits, int threads, double seconds) {
  if (bits == 512)
    return __builtin_cpu_supports("avx512f")
               ? measure(KIND_FMA_AVX512, threads, seconds, 0, NULL)
               : 0;
  return __builtin_cpu_supports("fma")
             ? measure(KIND_FMA_AVX2, threads, seconds, 0, NULL)
             : 0;
}

/* GFLOP/s of bf16 products [m, k] by [k, n] on AMX, the operands in tile order
 * already; 0 where there is none. */
double ceiling_amx(int threads, double seconds, long m, long n, long k) {
  const long shape[] = {m, n, k};
  return permitAmx() ? measure(KIND_AMX, threads, seconds, 0, shape) : 0;
}

/* GB/s read from an array of `bytes` in all. */
double ceiling_read(int threads, double seconds, size_t bytes) {
  return measure(KIND_READ, threads, seconds, bytes, NULL);
}

/* GB/s read and written, in place, over an array of `bytes` in all. */
double ceiling_sweep(int threads, double seconds, size_t bytes) {
  return measure(KIND_SWEEP, threads, seconds, bytes, NULL);
}

typedef struct {
  const float *from;
  float *to; /* null: only read */
  size_t count;
} stream;

/* With ordinary stores: what is written is read by what comes next. */
static void *runStream(void *argument) {
  stream *s = argument;
  if (!s->to)
    readOnce(s->from, s->count);
  else
    for (size_t i = 0; i < s->count; ++i)
      s->to[i] = 0.999f * s->from[i];
  return NULL;
}

/* Seconds to read `count` floats once and, unless `to` is null, to write as
 * many elsewhere. */
double ceiling_stream(const float *from, float *to, size_t count, int threads) {
  pthread_t ids[256];
  stream parts[256];
  if (threads < 1 || threads > 256)
    return 0;
  double begin = now();
  for (int t = 0; t < threads; ++t) {
    size_t first = count / threads * t;
    size_t last = t + 1 == threads ? count : count / threads * (t + 1);
    parts[t] = (stream){from + first, to ? to + first : NULL, last - first};
    if (t + 1 == threads)
      runStream(&parts[t]);
    else
      pthread_create(&ids[t], NULL, runStream, &parts[t]);
  }
  for (int t = 0; t + 1 < threads; ++t)
    pthread_join(ids[t], NULL);
  return now() - begin;
}

#ifdef CEILING_MAIN
int main(int argc, char **argv) {
  int most = argc > 1 ? atoi(argv[1]) : 2;
  size_t large = (size_t)1 << 30;
  printf("{");
  for (int t = 1; t <= most; ++t)
    printf("%s\"%d\": {\"fma512_gflops\": %.1f, \"fma256_gflops\": %.1f, "
           "\"read_gbs\": %.1f, \"sweep_gbs\": %.1f}",
           t == 1 ? "" : ",\n ", t, ceiling_fma(512, t, 0.2),
           ceiling_fma(256, t, 0.2), ceiling_read(t, 0.5, large),
           ceiling_sweep(t, 0.5, large));
  printf("}\n");
  return 0;
}
#endif
