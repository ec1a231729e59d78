//===- Compiled.h - Tile programs compiled and run in process ---*- C++ -*-===//

#ifndef TEST_TARGET_CPU_COMPILED_H
#define TEST_TARGET_CPU_COMPILED_H

#include "dialect/Attn/Reference/ElementType.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace attn::test {

using reference::ElementType;

/// A feature level: how many lanes, registers, and LLVM's name for it.
struct Level {
  const char *name;
  int lanes, registers;
  const char *cpu;
  bool hasTiles = false;

  bool isSupported() const;
  friend void PrintTo(const Level &level, std::ostream *os) {
    *os << level.name;
  }
};

/// A tensor with any strides in memory of its own. Elements that no index
/// reaches have a pattern that must stay.
class Tensor {
public:
  Tensor(ElementType type, std::vector<int64_t> extents);
  /// Memory order: `order[0]` is the slowest rank. `gap` elements lie between
  /// neighbours.
  Tensor(ElementType type, std::vector<int64_t> extents, std::vector<int> order,
         int64_t gap = 1);

  double get(const std::vector<int64_t> &index) const;
  void set(const std::vector<int64_t> &index, double value);
  uint64_t getBits(const std::vector<int64_t> &index) const;
  void setBits(const std::vector<int64_t> &index, uint64_t bits);
  /// Sets every element to a number that depends on its index.
  void fill(double (*function)(int64_t number));
  /// Calls `function` for every index.
  template <typename F> void forEach(F function) const {
    std::vector<int64_t> index(extents.size());
    while (true) {
      for (int64_t extent : extents)
        if (extent == 0)
          return;
      function(index);
      int rank = static_cast<int>(index.size()) - 1;
      while (rank >= 0 && ++index[rank] == extents[rank])
        index[rank--] = 0;
      if (rank < 0)
        return;
    }
  }
  /// Whether memory between the elements is as it was made.
  bool isRestUntouched() const;

  ElementType type;
  std::vector<int64_t> extents, strides;
  std::vector<uint8_t> bytes;
  char *data() const;

private:
  int64_t getOffset(const std::vector<int64_t> &index) const;
};

/// What attnrt_launch was called with.
struct Launch {
  int64_t tasks, scratchBytes;
};

/// A tile.program called `p`, compiled for a level.
class Compiled {
public:
  Compiled(const std::string &text, const Level &level);
  ~Compiled();

  bool isValid() const { return host; }
  /// The frame: the threads, the extents, then the arguments, then room.
  std::vector<int64_t> makeFrame(const std::vector<int64_t> &extents,
                                 const std::vector<const Tensor *> &tensors,
                                 const std::vector<int64_t> &scalars = {});
  int64_t getWorkspaceBytes(std::vector<int64_t> frame);
  /// Runs on a frame, with the workspace it asks for; the program's code.
  int32_t run(std::vector<int64_t> frame);
  int32_t run(const std::vector<int64_t> &extents,
              const std::vector<const Tensor *> &tensors) {
    return run(makeFrame(extents, tensors));
  }

  /// The launches of the last run; the launch of this number fails.
  std::vector<Launch> launches;
  int failingLaunch = -1;
  static constexpr int32_t failure = 7;

private:
  struct Machinery;
  std::unique_ptr<Machinery> machinery;
  int64_t (*workspace)(int64_t *) = nullptr;
  int32_t (*host)(void *, int64_t *, char *) = nullptr;
};

/// Tests that run at every level of the machine.
class CpuTest : public testing::TestWithParam<Level> {
protected:
  void SetUp() override {
    if (!GetParam().isSupported())
      GTEST_SKIP() << "needs a CPU with " << GetParam().name;
  }
};

std::string getLevelName(const testing::TestParamInfo<Level> &info);
extern const std::vector<Level> levels;

/// Replaces `$name` in a text.
std::string
substitute(std::string text,
           const std::vector<std::pair<std::string, std::string>> &values);

} // namespace attn::test

#define INSTANTIATE_LEVELS(suite)                                              \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(attn::test::levels),     \
                           attn::test::getLevelName)

#endif // TEST_TARGET_CPU_COMPILED_H
