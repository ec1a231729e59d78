//===- Routines.h - Code that kernels share ---------------------*- C++ -*-===//
//
// A tile that is loaded in the body for whole tiles, in the one for cut tiles
// and in both of another kernel is loaded by one function. Moves and
// contractions are most of a kernel's code and know nothing of their
// surroundings but addresses, so each form of them is emitted once per module.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_ROUTINES_H
#define LIB_TARGET_CPU_ROUTINES_H

#include "dialect/Tile/TileOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringMap.h"

namespace attn::cpu {

class Routines {
public:
  /// The routine that was added with an equal `key` and a map with an
  /// equivalent region (or none); null if there is none yet.
  mlir::LLVM::LLVMFuncOp lookup(llvm::StringRef key,
                                tile::MapOp map = {}) const;
  void add(llvm::StringRef key, mlir::LLVM::LLVMFuncOp function,
           tile::MapOp map = {});
  /// A name that no routine has.
  std::string makeName(llvm::StringRef kind);

private:
  using Entry = std::pair<tile::MapOp, mlir::LLVM::LLVMFuncOp>;
  llvm::StringMap<llvm::SmallVector<Entry>> entries;
  unsigned count = 0;
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_ROUTINES_H
