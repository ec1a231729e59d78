//===- EmitParts.cpp - The functions of a module at the same time ---------===//
//
// LLVM emits a module on one thread, and a context is a thread's own. So the
// functions are dealt to modules, each goes as bitcode to a context of its own,
// and a linker makes one of the objects. What is local stays so: parts see it
// as a hidden symbol. Nothing is inlined or specialised, so a function's code
// is the same as in one module.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/EmitObject.h"
#include "lib/Target/LongestFirst.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace attn;

/// Smaller parts are not worth what LLVM takes to start. A number of the code
/// and not of the machine: an object is the same wherever it was made.
static constexpr int64_t leastInstructions = 2500;

namespace {
/// Some functions of a module; all its variables are in the first part.
struct Part {
  int64_t size = 0; ///< how many instructions
  llvm::SmallVector<char, 0> bitcode;
  std::string object;
};
} // namespace

/// Numbers the functions' parts: those that follow each other are in one until
/// it is large enough.
static llvm::DenseMap<const llvm::Function *, size_t>
assignParts(const llvm::Module &module, std::vector<Part> &parts) {
  llvm::DenseMap<const llvm::Function *, size_t> partOf;
  parts.emplace_back();
  for (const llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (parts.back().size >= leastInstructions)
      parts.emplace_back();
    parts.back().size += function.getInstructionCount();
    partOf[&function] = parts.size() - 1;
  }
  return partOf;
}

/// Lets other parts of the object see what functions refer to.
static void showToParts(llvm::Module &module) {
  for (llvm::GlobalValue &value : module.global_values()) {
    bool isForCode = llvm::any_of(value.users(), [](const llvm::User *user) {
      return isa<llvm::Instruction, llvm::ConstantExpr>(user);
    });
    if (!value.hasLocalLinkage() || (!isa<llvm::Function>(value) && !isForCode))
      continue;
    value.setLinkage(llvm::GlobalValue::ExternalLinkage);
    value.setVisibility(llvm::GlobalValue::HiddenVisibility);
  }
}

static std::vector<Part> splitModule(llvm::Module &module) {
  std::vector<Part> parts;
  auto partOf = assignParts(module, parts);
  if (parts.size() > 1)
    showToParts(module);
  for (auto [number, part] : llvm::enumerate(parts)) {
    llvm::ValueToValueMapTy values;
    auto isInPart = [&, number = number](const llvm::GlobalValue *value) {
      auto *function = dyn_cast<llvm::Function>(value);
      return (function ? partOf.lookup(function) : 0) == number;
    };
    std::unique_ptr<llvm::Module> clone =
        llvm::CloneModule(module, values, isInPart);
    llvm::raw_svector_ostream os(part.bitcode);
    llvm::WriteBitcodeToFile(*clone, os);
  }
  return parts;
}

static llvm::Error emitPart(Part &part) {
  llvm::LLVMContext context;
  llvm::StringRef bitcode(part.bitcode.data(), part.bitcode.size());
  auto module = llvm::parseBitcodeFile({bitcode, "attnc"}, context);
  if (!module)
    return module.takeError();
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream os(object);
  if (llvm::Error error =
          cpu::emitModule(**module, cpu::OutputKind::Object, os))
    return error;
  part.object.assign(object.begin(), object.end());
  return llvm::Error::success();
}

FailureOr<std::vector<std::string>> cpu::emitObjects(llvm::Module &module,
                                                     MLIRContext *context) {
  std::vector<Part> parts = splitModule(module);
  auto emit = [&](Part &part) -> LogicalResult {
    if (llvm::Error error = emitPart(part))
      return emitError(UnknownLoc::get(context),
                       llvm::toString(std::move(error)));
    return success();
  };
  if (failed(forEachLongestFirst(context, parts, emit)))
    return failure();
  std::vector<std::string> objects;
  for (Part &part : parts)
    objects.push_back(std::move(part.object));
  return objects;
}
