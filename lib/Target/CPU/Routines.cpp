//===- Routines.cpp - Code that kernels share -----------------------------===//

#include "lib/Target/CPU/Routines.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

LLVM::LLVMFuncOp Routines::lookup(StringRef key, tile::MapOp map) const {
  auto it = entries.find(key);
  if (it == entries.end())
    return {};
  for (auto [known, function] : it->second) {
    if (!known && !map)
      return function;
    if (known && map &&
        OperationEquivalence::isRegionEquivalentTo(
            &known.getBody(), &map.getBody(),
            OperationEquivalence::Flags::IgnoreLocations))
      return function;
  }
  return {};
}

void Routines::add(StringRef key, LLVM::LLVMFuncOp function, tile::MapOp map) {
  entries[key].push_back({map, function});
}

std::string Routines::makeName(StringRef kind) {
  return ("attn." + kind + "." + Twine(count++)).str();
}
