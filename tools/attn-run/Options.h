//===- Options.h - The command line of attn-run ---------------------------===//

#ifndef TOOLS_ATTN_RUN_OPTIONS_H
#define TOOLS_ATTN_RUN_OPTIONS_H

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace attn::tool {

/// A mistake of the user, or of what the user gave: main prints it.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// All elements with one coordinate of one rank get a value.
struct Slice {
  std::string tensor, rank;
  int64_t coordinate = 0;
  double value = 0;
};

struct Options {
  std::string file;    // .so, or a spec
  std::string cascade; // which of several; empty: the only one
  std::vector<std::pair<std::string, int64_t>> sizes;
  bool help = false;
  bool version = false;
  bool check = false;
  bool bench = false;
  bool profile = false;
  int64_t checkRows = 0; // 0: as many as are quickly checked
  uint64_t seed = 1;
  double scale = 1; // deviation of generated floats
  int64_t pad = 0;  // elements after every row of a tensor, in memory
  std::string isa;
  int cudaDevice = -1; // -1: the CPU
  int threads = 0;
  std::map<std::string, std::string> inputs, outputs, fills;
  std::map<std::string, double> scalars;
  std::vector<Slice> slices;
  std::set<std::string> skipped; // outputs that are not wanted
  std::vector<std::string> compilerFlags;
  std::string attnc;
};

/// Reads the arguments of main; throws Failure.
Options parseOptions(int argc, const char *const *argv);

extern const char *const helpText;

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_OPTIONS_H
