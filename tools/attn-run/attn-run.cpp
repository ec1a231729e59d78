//===- attn-run.cpp - Runs, checks and measures compiled attention --------===//
//
// Needs neither MLIR nor LLVM: a shared object carries the text of its cascade,
// which the reference evaluates. Only a spec is compiled first, by attnc.
//
//===----------------------------------------------------------------------===//

#include "tools/Waiting.h"
#include "tools/attn-run/Bench.h"
#include "tools/attn-run/Check.h"
#include "tools/attn-run/CudaRun.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>

using namespace attn;
using namespace attn::tool;

namespace {
/// Turns an error of the runtime into a Failure.
void require(attnrt_status status) {
  if (!status)
    return;
  std::string message = attnrt_status_message(status);
  attnrt_status_free(status);
  throw Failure(message);
}

class Context {
public:
  Context() { require(attnrt_context_create(&context)); }
  ~Context() { attnrt_context_destroy(context); }
  attnrt_context *get() const { return context; }

private:
  attnrt_context *context = nullptr;
};
} // namespace

/// The variant that the runtime chooses on the CPU; it gives an error itself
/// where there is none.
static const attnrt_variant *findVariant(const attnrt_program &program,
                                         uint64_t features,
                                         const std::string &isa) {
  for (uint32_t i = 0; i != program.num_variants; ++i) {
    const attnrt_variant &variant = program.variants[i];
    if (!variant.gpu && (variant.features & features) == variant.features &&
        (isa.empty() || isa == variant.isa))
      return &variant;
  }
  return nullptr;
}

static std::string describeExtents(const std::vector<reference::RankId> &ranks,
                                   const Arguments &arguments) {
  std::string text;
  for (reference::RankId rank : ranks)
    text += (text.empty() ? "" : ", ") +
            arguments.object.cascade.ranks[rank].name + " = " +
            std::to_string(arguments.extents[rank]);
  return text;
}

/// Says what is about to run, so that it can be run again.
static void describeCall(const Arguments &arguments, const std::string &runner,
                         size_t workspace) {
  const reference::Cascade &cascade = arguments.object.cascade;
  // Those of the spec: the reference has ranks of its own beside them.
  const attnrt_program &program = *arguments.object.program;
  std::vector<reference::RankId> ranks;
  for (reference::RankId rank = 0; rank != cascade.ranks.size(); ++rank)
    if (std::any_of(program.ranks, program.ranks + program.num_ranks,
                    [&](const attnrt_rank_desc &desc) {
                      return desc.name == cascade.ranks[rank].name;
                    }))
      ranks.push_back(rank);
  std::printf("%s: %s; %s, %zu bytes of workspace\n", cascade.name.c_str(),
              describeExtents(ranks, arguments).c_str(), runner.c_str(),
              workspace);
  for (const Array &input : arguments.inputs)
    std::printf("  %s: %s, %s\n", input.name.c_str(),
                std::string(reference::getName(input.type)).c_str(),
                input.origin.c_str());
  for (size_t i = 0; i != arguments.scalars.size(); ++i)
    std::printf("  %s = %g%s\n", cascade.scalars[i].name.c_str(),
                arguments.scalars[i],
                arguments.isScalarGiven[i] ? "" : ", generated");
}

/// The object to run: the spec is compiled for the device, unless --target says
/// for what.
static std::string getObject(Options options, const CudaRun *device,
                             std::optional<TemporaryFolder> &folder) {
  if (isSharedObject(options.file)) {
    if (!options.compilerFlags.empty())
      throw Failure("`" + options.compilerFlags[0] +
                    "` is for a spec, but a compiled object is given");
    return options.file;
  }
  auto namesTarget = [](const std::string &flag) {
    return flag.compare(0, 9, "--target=") == 0;
  };
  if (device && std::none_of(options.compilerFlags.begin(),
                             options.compilerFlags.end(), namesTarget))
    options.compilerFlags.push_back("--target=" + device->getTarget());
  return compileSpec(options, folder.emplace().path);
}

static int run(const Options &options) {
  std::optional<CudaRun> device;
  if (options.cudaDevice >= 0)
    device.emplace(options.cudaDevice);
  std::optional<TemporaryFolder> folder;
  Object object(getObject(options, device ? &*device : nullptr, folder),
                options.cascade);
  std::optional<Waiting> generating(std::in_place, "attn-run",
                                    "making the inputs");
  Arguments arguments(object, options);
  arguments.poisonOutputs();
  generating.reset();
  Context context;
  attnrt_call call = {};
  call.size = sizeof(call);
  call.num_threads = options.threads;
  call.isa = options.isa.empty() ? nullptr : options.isa.c_str();
  if (device) {
    call.device = {kDLCUDA, options.cudaDevice};
    device->place(arguments);
  }
  size_t workspace = 0;
  require(object.workspace(context.get(), arguments.getStruct(), &call,
                           &workspace));
  if (device)
    device->fill(call, workspace);
  const attnrt_variant *variant = findVariant(
      *object.program, attnrt_cpu_features(context.get()), options.isa);
  int threads = options.threads
                    ? options.threads
                    : static_cast<int>(std::thread::hardware_concurrency());
  std::string runner = std::string(variant ? variant->isa : "?") + ", " +
                       std::to_string(threads) + " thread" +
                       (threads == 1 ? "" : "s");
  if (device)
    runner = "cuda:" + std::to_string(options.cudaDevice);
  describeCall(arguments, runner, workspace);
  std::fflush(stdout);

  auto invoke = [&] {
    require(object.entry(context.get(), arguments.getStruct(), &call));
  };
  {
    Waiting waiting("attn-run", "running");
    invoke();
    if (device)
      device->finish(arguments);
  }
  arguments.checkPadding();
  arguments.writeOutputs(options);
  bool passed = !options.check || check(arguments, options);
  std::fflush(stdout);
  if (options.bench && device) {
    std::optional<CudaRun::Ceilings> ceilings;
    if (options.profile)
      ceilings = device->measureCeilings();
    benchCuda(arguments, device->time(invoke), ceilings ? &*ceilings : nullptr);
  } else if (options.bench)
    bench(arguments, invoke, variant ? variant->features : 0, threads);
  return passed ? 0 : 1;
}

int main(int argc, char **argv) {
  try {
    Options options = parseOptions(argc, argv);
    if (options.help) {
      std::fputs(helpText, stdout);
      return 0;
    }
    if (options.version) {
      std::printf("attn-run %d.%d.%d\n", ATTNRT_VERSION_MAJOR,
                  ATTNRT_VERSION_MINOR, ATTNRT_VERSION_PATCH);
      return 0;
    }
    return run(options);
  } catch (const std::bad_alloc &) {
    std::fputs("attn-run: error: out of memory\n", stderr);
  } catch (const Failure &failure) {
    std::fprintf(stderr, "attn-run: error: %s\n", failure.what());
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "attn-run: error: %s\n", exception.what());
  }
  return 2;
}
