//===- Progress.h - How far a loop is -------------------------------------===//

#ifndef TOOLS_ATTN_RUN_PROGRESS_H
#define TOOLS_ATTN_RUN_PROGRESS_H

#include <chrono>
#include <cstdio>
#include <string>

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

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_PROGRESS_H
