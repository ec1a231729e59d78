//===- Compiled.cpp - Tile programs compiled and run in process -----------===//

#include "test/Target/CPU/Compiled.h"
#include "dialect/Tile/TileOps.h"
#include "lib/Target/CPU/EmitObject.h"
#include "lib/Target/CPU/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/Cpu.h"
#include "runtime/attnrt_program.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

using namespace attn::test;
namespace ref = attn::reference;

const std::vector<Level> attn::test::levels = {{"avx512", 16, 32, "x86-64-v4"},
                                               {"avx2", 8, 16, "x86-64-v3"}};

bool Level::isSupported() const {
  if (hasTiles) // which also asks the system's permission
    return attn::rt::probeCpu().features & ATTNRT_CPU_AMX_BF16;
  __builtin_cpu_init();
  if (lanes == 16)
    return __builtin_cpu_supports("x86-64-v4");
  return __builtin_cpu_supports("x86-64-v3");
}

std::string
attn::test::getLevelName(const testing::TestParamInfo<Level> &info) {
  return info.param.name;
}

std::string attn::test::substitute(
    std::string text,
    const std::vector<std::pair<std::string, std::string>> &values) {
  for (auto &[name, value] : values)
    for (size_t at = 0; (at = text.find("$" + name, at)) != std::string::npos;
         at += value.size())
      text.replace(at, name.size() + 1, value);
  return text;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static constexpr uint8_t untouched = 0xa5;

static std::vector<int> getRowMajor(size_t numRanks) {
  std::vector<int> order(numRanks);
  for (size_t i = 0; i != numRanks; ++i)
    order[i] = static_cast<int>(i);
  return order;
}

Tensor::Tensor(ElementType type, std::vector<int64_t> extents)
    : Tensor(type, extents, getRowMajor(extents.size())) {}

Tensor::Tensor(ElementType type, std::vector<int64_t> extents,
               std::vector<int> order, int64_t gap)
    : type(type), extents(std::move(extents)), strides(order.size()) {
  int64_t stride = gap;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    strides[*it] = stride;
    stride *= this->extents[*it];
    if (gap > 1)
      stride += 3;
  }
  bytes.assign((stride + 2) * ref::getByteSize(type), untouched);
}

char *Tensor::data() const {
  return const_cast<char *>(reinterpret_cast<const char *>(bytes.data())) +
         ref::getByteSize(type);
}

int64_t Tensor::getOffset(const std::vector<int64_t> &index) const {
  int64_t offset = 0;
  for (size_t i = 0; i != index.size(); ++i)
    offset += index[i] * strides[i];
  return offset;
}

double Tensor::get(const std::vector<int64_t> &index) const {
  return ref::decode(type, getBits(index));
}

void Tensor::set(const std::vector<int64_t> &index, double value) {
  setBits(index, ref::encode(type, value));
}

uint64_t Tensor::getBits(const std::vector<int64_t> &index) const {
  uint64_t bits = 0;
  size_t size = ref::getByteSize(type);
  std::memcpy(&bits, data() + getOffset(index) * size, size);
  return bits;
}

void Tensor::setBits(const std::vector<int64_t> &index, uint64_t bits) {
  size_t size = ref::getByteSize(type);
  std::memcpy(data() + getOffset(index) * size, &bits, size);
}

void Tensor::fill(double (*function)(int64_t)) {
  int64_t number = 0;
  forEach([&](const std::vector<int64_t> &index) {
    set(index, function(number++));
  });
}

bool Tensor::isRestUntouched() const {
  std::vector<bool> reached(bytes.size());
  size_t size = ref::getByteSize(type);
  forEach([&](const std::vector<int64_t> &index) {
    for (size_t i = 0; i != size; ++i)
      reached[(getOffset(index) + 1) * size + i] = true;
  });
  for (size_t i = 0; i != bytes.size(); ++i)
    if (!reached[i] && bytes[i] != untouched)
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

struct Compiled::Machinery {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

/// Runs every task on scratch that ends in a guard.
static int32_t launch(void *run,
                      void (*kernel)(const int64_t *, int64_t, void *),
                      const int64_t *frame, int64_t tasks, int64_t bytes) {
  auto *compiled = static_cast<Compiled *>(run);
  compiled->launches.push_back({tasks, bytes});
  int number = static_cast<int>(compiled->launches.size()) - 1;
  if (number == compiled->failingLaunch)
    return Compiled::failure;
  constexpr size_t guard = 256;
  size_t size = (static_cast<size_t>(bytes) + guard + 63) / 64 * 64;
  auto *scratch = static_cast<uint8_t *>(std::aligned_alloc(64, size));
  for (int64_t task = 0; task != tasks; ++task) {
    // All ones: NaN in every float type.
    std::memset(scratch, 0xff, size);
    kernel(frame, task, scratch);
    for (size_t i = static_cast<size_t>(bytes); i != size; ++i)
      if (scratch[i] != 0xff)
        ADD_FAILURE() << "task " << task << " writes past its scratch";
  }
  std::free(scratch);
  return 0;
}

static std::unique_ptr<llvm::MemoryBuffer> compile(const std::string &text,
                                                   const Level &level) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<attn::AttnDialect, attn::tile::TileDialect>();
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return nullptr;
  mlir::PassManager pm(&context);
  attn::cpu::LowerTilesOptions options;
  options.lanes = level.lanes;
  options.registers = level.registers;
  options.processor = level.cpu;
  options.tiles = level.hasTiles;
  attn::cpu::buildTileToLLVM(pm, options);
  if (mlir::failed(pm.run(*module)))
    return nullptr;
  llvm::LLVMContext llvmContext;
  auto code = attn::cpu::translateToLLVM(*module, llvmContext);
  if (!code)
    return nullptr;
  // What the test calls from outside.
  for (llvm::Function &function : *code)
    if (!function.hasLocalLinkage())
      function.setVisibility(llvm::GlobalValue::DefaultVisibility);
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  if (auto error =
          attn::cpu::emitModule(*code, attn::cpu::OutputKind::Object, stream)) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return nullptr;
  }
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      std::move(object), /*RequiresNullTerminator=*/false);
}

Compiled::Compiled(const std::string &text, const Level &level)
    : machinery(std::make_unique<Machinery>()) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto object = compile(text, level);
  if (!object) {
    ADD_FAILURE() << "does not compile:\n" << text;
    return;
  }
  auto check = [](llvm::Error error) {
    if (error)
      ADD_FAILURE() << llvm::toString(std::move(error));
  };
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit) {
    check(jit.takeError());
    return;
  }
  machinery->jit = std::move(*jit);
  llvm::orc::LLJIT &machine = *machinery->jit;
  // memcpy and memset only: what else the code needs is an error.
  llvm::orc::SymbolMap symbols;
  auto define = [&](const char *name, void *address) {
    symbols[machine.mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported};
  };
  define("attnrt_launch", reinterpret_cast<void *>(&launch));
  define("memcpy", reinterpret_cast<void *>(&std::memcpy));
  define("memset", reinterpret_cast<void *>(&std::memset));
  check(machine.getMainJITDylib().define(
      llvm::orc::absoluteSymbols(std::move(symbols))));
  check(machine.addObjectFile(std::move(object)));
  auto find = [&](const char *name) {
    auto address = machine.lookup(name);
    if (address)
      return *address;
    check(address.takeError());
    return llvm::orc::ExecutorAddr();
  };
  workspace = find("p_workspace").toPtr<decltype(workspace)>();
  host = find("p_host").toPtr<decltype(host)>();
}

Compiled::~Compiled() = default;

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

std::vector<int64_t>
Compiled::makeFrame(const std::vector<int64_t> &extents,
                    const std::vector<const Tensor *> &tensors,
                    const std::vector<int64_t> &scalars) {
  std::vector<int64_t> frame{1};
  frame.insert(frame.end(), extents.begin(), extents.end());
  for (const Tensor *tensor : tensors) {
    frame.push_back(tensor ? reinterpret_cast<int64_t>(tensor->data()) : 0);
    if (tensor)
      frame.insert(frame.end(), tensor->strides.begin(), tensor->strides.end());
  }
  frame.insert(frame.end(), scalars.begin(), scalars.end());
  frame.resize(frame.size() + 64);
  return frame;
}

int64_t Compiled::getWorkspaceBytes(std::vector<int64_t> frame) {
  return workspace ? workspace(frame.data()) : -1;
}

int32_t Compiled::run(std::vector<int64_t> frame) {
  launches.clear();
  if (!host)
    return -1;
  int64_t bytes = workspace(frame.data());
  void *memory = bytes ? std::aligned_alloc(64, bytes) : nullptr;
  if (memory)
    std::memset(memory, 0xff, bytes);
  int32_t code = host(this, frame.data(), static_cast<char *>(memory));
  std::free(memory);
  return code;
}
