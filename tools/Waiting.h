//===- Waiting.h - A word to who waits ------------------------------------===//
//
// Without LLVM, which attn-run does not link.
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_WAITING_H
#define TOOLS_WAITING_H

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

namespace attn {

/// Says on stderr what a tool is busy with, every two seconds; a tool that ends
/// before stays silent.
class Waiting {
public:
  Waiting(std::string tool, std::string subject)
      : tool(std::move(tool)), subject(std::move(subject)),
        thread([this] { run(); }) {}
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

  /// Goes on to another step of the same.
  void enter(std::string newStep) {
    std::lock_guard<std::mutex> lock(mutex);
    step = ": " + std::move(newStep);
  }

private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex);
    for (int seconds = 2;; seconds += 2) {
      if (changed.wait_for(lock, std::chrono::seconds(2),
                           [this] { return isDone; }))
        return;
      std::fprintf(stderr, "%s: %s%s, %d s\n", tool.c_str(), subject.c_str(),
                   step.c_str(), seconds);
    }
  }

  std::string tool, subject, step;
  bool isDone = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::thread thread; // last: it reads the others
};

} // namespace attn

#endif // TOOLS_WAITING_H
