//===- ThreadsTest.cpp - Executors, OpenMP, many callers ------------------===//

#include "test/Runtime/Fixture.h"

#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

/// An executor that starts a thread for each body.
struct ThreadExecutor {
  attnrt_executor executor;
  std::atomic<int64_t> calls{0}, bodies{0};

  explicit ThreadExecutor(int32_t concurrency)
      : executor{this, concurrency, parallelFor} {}

  static void parallelFor(void *self, int64_t count,
                          void (*body)(void *, int64_t), void *arg) {
    auto *executor = static_cast<ThreadExecutor *>(self);
    ++executor->calls;
    executor->bodies += count;
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < count; ++i)
      threads.emplace_back(body, arg, i);
    for (std::thread &thread : threads)
      thread.join();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// The caller's executor
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, ExecutorIsUsed) {
  ThreadExecutor pool(3);
  attnrt_call call = makeCall();
  call.executor = &pool.executor;
  EXPECT_EQ(run(&call), "ok");
  expectRight();
  EXPECT_EQ(pool.calls, 2);
  EXPECT_EQ(pool.bodies, 6);
  EXPECT_EQ(probe.threads, 3);
  EXPECT_EQ(probe.misaligned, 0);
}

TEST_F(AttentionTest, NumThreadsBoundsTheExecutor) {
  ThreadExecutor pool(8);
  attnrt_call call = makeCall();
  call.executor = &pool.executor;
  call.num_threads = 2;
  EXPECT_EQ(run(&call), "ok");
  EXPECT_EQ(pool.bodies, 4);
  EXPECT_EQ(probe.threads, 2);
  call.num_threads = 100;
  EXPECT_EQ(run(&call), "ok");
  EXPECT_EQ(probe.threads, 8);
  EXPECT_LE(probe.mostRunning, 8);
}

/// With one thread there is nothing to hand out.
TEST_F(AttentionTest, OneThreadNeedsNoExecutor) {
  ThreadExecutor pool(1);
  attnrt_call call = makeCall();
  call.executor = &pool.executor;
  EXPECT_EQ(run(&call), "ok");
  expectRight();
  EXPECT_EQ(pool.calls, 0);
}

TEST_F(AttentionTest, ExecutorMayRunEverythingOnOneThread) {
  attnrt_executor serial = {
      nullptr, 4,
      [](void *, int64_t count, void (*body)(void *, int64_t), void *arg) {
        for (int64_t i = count; i-- > 0;)
          body(arg, i);
      }};
  attnrt_call call = makeCall();
  call.executor = &serial;
  EXPECT_EQ(run(&call), "ok");
  expectRight();
}

/// What lies past an extent may be denormal, and slow; the caller's numbers are
/// as before.
TEST_F(AttentionTest, KernelsMeetNoDenormals) {
  for (int32_t threads : {1, 3}) {
    attnrt_call call = makeCall();
    call.num_threads = threads;
    EXPECT_EQ(run(&call), "ok");
    EXPECT_TRUE(hasDenormals());
  }
  EXPECT_EQ(probe.denormals, 0);
}

TEST_F(AttentionTest, NegativeExecutor) {
  attnrt_executor broken = {nullptr, 0, nullptr};
  attnrt_call call = makeCall();
  call.executor = &broken;
  EXPECT_EQ(run(&call), "call->executor has a null parallel_for");
  broken.parallel_for = [](void *, int64_t, void (*)(void *, int64_t), void *) {
  };
  EXPECT_EQ(run(&call),
            "call->executor has concurrency 0 but must have at least 1");
  broken.concurrency = 2;
  EXPECT_EQ(run(&call), "executor returned after 0 of 60 tasks");
  EXPECT_EQ(runCode(&call), ATTNRT_INTERNAL);
}

/// Worker numbers that don't exist must not reach memory that doesn't either.
TEST_F(AttentionTest, NegativeExecutorInventsWorkers) {
  attnrt_executor broken = {
      nullptr, 2,
      [](void *, int64_t, void (*body)(void *, int64_t), void *arg) {
        body(arg, -1);
        body(arg, 2);
      }};
  attnrt_call call = makeCall();
  call.executor = &broken;
  EXPECT_EQ(run(&call), "executor returned after 0 of 60 tasks");
}

//===----------------------------------------------------------------------===//
// The runtime's own threads
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, NumThreads) {
  attnrt_call call = makeCall();
  for (int32_t threads : {1, 2, 5, 65536}) {
    probe.mostRunning = 0;
    call.num_threads = threads;
    EXPECT_EQ(run(&call), "ok");
    expectRight();
    EXPECT_EQ(probe.threads, threads);
    EXPECT_LE(probe.mostRunning, threads);
  }
  EXPECT_EQ(probe.misaligned, 0);
}

/// The same cut of the work and the same bits, whatever ran where.
TEST_F(AttentionTest, SameBitsWithAnyExecutor) {
  resize(2, 2, 3, 200, 33, 8);
  EXPECT_EQ(run(), "ok");
  std::vector<float> expected = AV->buffer;
  ThreadExecutor pool(4);
  attnrt_call call = makeCall();
  call.executor = &pool.executor;
  EXPECT_EQ(run(&call), "ok");
  EXPECT_EQ(AV->buffer, expected);
}

TEST_F(AttentionTest, CallsFromManyThreadsAtOnce) {
  constexpr int kThreads = 8, kRounds = 50;
  EXPECT_EQ(run(), "ok");
  std::vector<float> expected = AV->buffer;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      Array av({2, 6, 5, 3});
      Array bad({2, 6, 5, 2});
      attention_args mine = args;
      mine.LSE = nullptr;
      ThreadExecutor pool(2);
      attnrt_call call = makeCall();
      call.num_threads = t % 3;
      if (t % 4 == 3)
        call.executor = &pool.executor;
      for (int round = 0; round < kRounds; ++round) {
        std::fill(av.buffer.begin(), av.buffer.end(), 0);
        mine.AV = &av.header;
        wrong += takeMessage(attention(context, &mine, &call)) != "ok";
        wrong += av.buffer != expected;
        mine.AV = &bad.header;
        wrong += takeMessage(attention(context, &mine, &call)) !=
                 "argument AV: rank f has extent 2 but V gives 3";
        if (t == 0 && round % 10 == 0)
          attnrt_context_trim(context);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

#ifdef _OPENMP

/// A caller that is parallel already gets no threads on top.
TEST_F(AttentionTest, NoThreadsInsideAParallelRegion) {
  std::atomic<int> wrong{0};
  std::atomic<int64_t> most{0};
#pragma omp parallel num_threads(4)
  {
    Array av({2, 6, 5, 3});
    Probe mine;
    attention_args inner = args;
    inner.probe = reinterpret_cast<intptr_t>(&mine);
    inner.AV = &av.header;
    inner.LSE = nullptr;
    attnrt_call call = makeCall();
    call.num_threads = 4;
    for (int round = 0; round < 20; ++round)
      wrong += takeMessage(attention(context, &inner, &call)) != "ok";
#pragma omp critical
    most = std::max<int64_t>(most, mine.mostRunning);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(most, 1);
}

TEST_F(AttentionTest, ContextTakesOpenMPsThreads) {
  int before = omp_get_max_threads();
  omp_set_num_threads(3);
  attnrt_context *other;
  ASSERT_EQ(attnrt_context_create(&other), nullptr);
  omp_set_num_threads(before);
  EXPECT_EQ(takeMessage(attention(other, &args, nullptr)), "ok");
  EXPECT_EQ(probe.threads, 3);
  attnrt_context_destroy(other);
}

#endif
