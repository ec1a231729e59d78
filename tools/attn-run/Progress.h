//===- Progress.h - A word to who waits, without LLVM ---------------------===//

#ifndef TOOLS_ATTN_RUN_PROGRESS_H
#define TOOLS_ATTN_RUN_PROGRESS_H

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

namespace attn::tool {

/// Says on stderr how far a loop is: first after two seconds, then every one.
class Progress {
public:
  explicit Progress(std::string what) : what(std::move(what)) {}

  void update(double fraction) {
    auto now = std::chrono::steady_clock::now();
    if (now < next)
      return;
    next = now + std::chrono::seconds(1);
    std::fprintf(stderr, "attn-run: %s: %.0f %%\n", what.c_str(),
                 100 * fraction);
  }

private:
  std::string what;
  std::chrono::steady_clock::time_point next =
      std::chrono::steady_clock::now() + std::chrono::seconds(2);
};

/// Says on stderr every two seconds that something that can't tell how far it
/// is still runs.
class Waiting {
public:
  explicit Waiting(std::string what)
      : what(std::move(what)), thread([this] { run(); }) {}
  ~Waiting() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isDone = true;
    }
    changed.notify_one();
    thread.join();
  }
  Waiting(const Waiting &) = delete;
  Waiting &operator=(const Waiting &) = delete;

private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex);
    for (int seconds = 2;; seconds += 2) {
      if (changed.wait_for(lock, std::chrono::seconds(2),
                           [this] { return isDone; }))
        return;
      std::fprintf(stderr, "attn-run: %s, %d s\n", what.c_str(), seconds);
    }
  }

  std::string what;
  std::mutex mutex;
  std::condition_variable changed;
  bool isDone = false;
  std::thread thread; // last: it reads the others
};

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_PROGRESS_H
