//===- Progress.h - A word to who waits -----------------------------------===//

#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace attn {

/// Says on stderr what a tool is busy with, every two seconds; a tool that ends
/// before stays silent.
class Progress {
public:
  Progress(std::string tool, std::string subject)
      : tool(std::move(tool)), subject(std::move(subject)),
        thread([this] { run(); }) {}
  ~Progress() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isDone = true;
    }
    changed.notify_one();
    thread.join();
  }

  void enter(std::string newStep) {
    std::lock_guard<std::mutex> lock(mutex);
    step = std::move(newStep);
  }

private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex);
    for (int seconds = 2;; seconds += 2) {
      if (changed.wait_for(lock, std::chrono::seconds(2),
                           [this] { return isDone; }))
        return;
      llvm::errs() << tool << ": " << subject << ": " << step << ", " << seconds
                   << " s\n";
    }
  }

  std::string tool, subject, step;
  bool isDone = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::thread thread; // last: it reads the others
};

} // namespace attn

#endif // TOOLS_PROGRESS_H
