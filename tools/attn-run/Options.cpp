//===- Options.cpp - The command line of attn-run -------------------------===//

#include "tools/attn-run/Options.h"
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string_view>

namespace attn::tool {

const char *const helpText =
    R"(attn-run: runs compiled attention, checks it and measures it

usage: attn-run FILE --size RANK=EXTENT,... [options]

FILE is a shared object that attnc made (--emit=so), or a spec (.mlir), which is
compiled first with the attnc that stands beside attn-run or in the PATH.

  --size p=1000,m=4096     extents of the free ranks, where no .npy gives them
  --check                  compare with the float64 reference (the default where
                           nothing else is asked for)
  --check-rows=N           rows of the longest rank to check (default: all, or
                           as many as take some seconds)
  --bench                  time it, beside what the machine reaches
  --profile                the same; on a CUDA device, where --bench measures the
                           call alone, with what the device reaches in reading
                           memory and in products of bf16

  --inputs Q=q.npy,...     read inputs; all others are generated
  --outputs AV=av.npy,...  write outputs
  --skip LSE,...           ask for no such outputs
  --scalar scale=0.125,... values of scalar arguments; one that is not given is
                           generated: 0.125, or 16 where it is an integer
  --seed=N                 of the generated inputs (default 1)
  --scale-of-inputs=S      their deviation (default 1)
  --fill B=uniform:-1:1    how one input is generated: normal:DEVIATION,
                           uniform:LOW:HIGH, int:LOW:HIGH, bool:SHARE, const:X
  --slice B:p:3=-inf,...   all elements of B at p = 3 get a value
  --pad=N                  N elements after every row of every tensor, NaN in
                           inputs, and not to be touched in outputs

  --device=cuda:N          run on a CUDA device (cuda is cuda:0) instead of the
                           CPU; FILE has to be compiled for one
  --isa=avx2               the kernel version to run (default: the best)
  --threads=N              how many threads to use (default: all)
  --cascade=NAME           which one, if FILE has several

For a spec, passed on to attnc: --set e=64  --type bf16=f16  --target host
--options '...'; and --attnc=PATH says where it is.

--version says which attn-run this is.

Exit status: 0; 1 where a check fails; 2 where something can't be done.
)";

/// The parts of "a,b,c".
static std::vector<std::string> splitList(const std::string &text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');)
    parts.push_back(part);
  return parts;
}

static std::pair<std::string, std::string> splitPair(const std::string &option,
                                                     const std::string &text) {
  size_t at = text.find('=');
  if (at == std::string::npos || at == 0)
    throw Failure("`" + option + "` expects NAME=VALUE but has `" + text + "`");
  return {text.substr(0, at), text.substr(at + 1)};
}

static double parseNumber(const std::string &option, const std::string &text) {
  char *end = nullptr;
  errno = 0;
  double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end)
    throw Failure("`" + option + "` expects a number but has `" + text + "`");
  if (errno == ERANGE && std::abs(number) > 1)
    throw Failure("`" + option + "` has `" + text +
                  "`, which does not fit f64; infinity is written inf");
  return number;
}

static int64_t parseInteger(const std::string &option, const std::string &text,
                            int64_t least) {
  char *end = nullptr;
  errno = 0;
  int64_t number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end || number < least)
    throw Failure("`" + option + "` expects an integer of at least " +
                  std::to_string(least) + " but has `" + text + "`");
  if (errno == ERANGE)
    throw Failure("`" + option + "` has `" + text +
                  "`, which does not fit 64 bits");
  return number;
}

/// Reads "B:p:3=-inf".
static Slice parseSlice(const std::string &option, const std::string &text) {
  auto [place, value] = splitPair(option, text);
  size_t first = place.find(':'), last = place.rfind(':');
  if (first == std::string::npos || first == last)
    throw Failure("`" + option +
                  "` expects TENSOR:RANK:COORDINATE=VALUE but "
                  "has `" +
                  text + "`");
  return {place.substr(0, first), place.substr(first + 1, last - first - 1),
          parseInteger(option, place.substr(last + 1), 0),
          parseNumber(option, value)};
}

/// Reads "cpu", "cuda" or "cuda:1".
static int parseDevice(const std::string &option, const std::string &text) {
  if (text == "cpu")
    return -1;
  if (text == "cuda")
    return 0;
  if (text.compare(0, 5, "cuda:") != 0)
    throw Failure("`" + option + "` expects cpu, cuda or cuda:N but has `" +
                  text + "`");
  return static_cast<int>(parseInteger(option, text.substr(5), 0));
}

namespace {
/// What to do with the value of an option.
struct Handler {
  std::string_view name;
  std::function<void(Options &, const std::string &option,
                     const std::string &value)>
      apply;
};
} // namespace

/// Calls `apply` with each NAME, VALUE of a list.
template <typename F>
static void forPairs(const std::string &option, const std::string &list,
                     F apply) {
  for (const std::string &part : splitList(list)) {
    auto [name, value] = splitPair(option, part);
    apply(name, value);
  }
}

static const std::vector<Handler> &getHandlers() {
  using S = const std::string &;
  auto passOn = [](Options &o, S option, S value) {
    o.compilerFlags.push_back(option + "=" + value);
  };
  auto readFiles = [](std::map<std::string, std::string> Options::*files) {
    return [=](Options &o, S option, S value) {
      forPairs(option, value, [&](S name, S file) { (o.*files)[name] = file; });
    };
  };
  static const std::vector<Handler> handlers = {
      {"--size",
       [](Options &o, S option, S value) {
         forPairs(option, value, [&](S name, S extent) {
           o.sizes.emplace_back(name, parseInteger(option, extent, 0));
         });
       }},
      {"--check-rows",
       [](Options &o, S option, S value) {
         o.check = true;
         o.checkRows = parseInteger(option, value, 1);
       }},
      {"--inputs", readFiles(&Options::inputs)},
      {"--outputs", readFiles(&Options::outputs)},
      {"--fill", readFiles(&Options::fills)},
      {"--skip",
       [](Options &o, S, S value) {
         for (const std::string &name : splitList(value))
           o.skipped.insert(name);
       }},
      {"--scalar",
       [](Options &o, S option, S value) {
         forPairs(option, value, [&](S name, S number) {
           o.scalars[name] = parseNumber(option, number);
         });
       }},
      {"--seed",
       [](Options &o, S option, S value) {
         o.seed = static_cast<uint64_t>(parseInteger(option, value, 0));
       }},
      {"--scale-of-inputs",
       [](Options &o, S option, S value) {
         o.scale = parseNumber(option, value);
       }},
      {"--slice",
       [](Options &o, S option, S value) {
         for (const std::string &part : splitList(value))
           o.slices.push_back(parseSlice(option, part));
       }},
      {"--pad", [](Options &o, S option,
                   S value) { o.pad = parseInteger(option, value, 0); }},
      {"--isa", [](Options &o, S, S value) { o.isa = value; }},
      {"--device", [](Options &o, S option,
                      S value) { o.cudaDevice = parseDevice(option, value); }},
      {"--threads",
       [](Options &o, S option, S value) {
         o.threads = static_cast<int>(
             std::min<int64_t>(parseInteger(option, value, 1), 65536));
       }},
      {"--cascade", [](Options &o, S, S value) { o.cascade = value; }},
      {"--attnc", [](Options &o, S, S value) { o.attnc = value; }},
      {"--set", passOn},
      {"--type", passOn},
      {"--target", passOn},
      {"--options", passOn},
  };
  return handlers;
}

/// Options without a value. Returns false where `argument` is none.
static bool parseFlag(Options &options, std::string_view argument) {
  if (argument == "--help" || argument == "-h")
    options.help = true;
  else if (argument == "--version")
    options.version = true;
  else if (argument == "--check")
    options.check = true;
  else if (argument == "--bench")
    options.bench = true;
  else if (argument == "--profile")
    options.bench = options.profile = true;
  else
    return false;
  return true;
}

Options parseOptions(int argc, const char *const *argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (parseFlag(options, argument))
      continue;
    if (argument.size() < 2 || argument[0] != '-') {
      if (!options.file.empty())
        throw Failure("both `" + options.file + "` and `" + argument +
                      "` are given to run");
      options.file = argument;
      continue;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    const Handler *handler = nullptr;
    for (const Handler &candidate : getHandlers())
      if (candidate.name == name)
        handler = &candidate;
    if (!handler)
      throw Failure("unknown option `" + name + "`; see attn-run --help");
    if (equals == std::string::npos && i + 1 == argc)
      throw Failure("`" + name + "` has no value");
    handler->apply(options, name,
                   equals == std::string::npos ? argv[++i]
                                               : argument.substr(equals + 1));
  }
  if (options.file.empty() && !options.help && !options.version)
    throw Failure("nothing to run is given; see attn-run --help");
  if (!options.bench && options.outputs.empty())
    options.check = true;
  return options;
}

} // namespace attn::tool
