//===- Interface.h - A cascade as C sees it -------------------------------===//
//
// What the header declares and the descriptor repeats for the runtime: the
// fields of the args struct, where they lie, and the ranks. Made from the
// cascade as it was written, before any pass.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_PACKAGE_INTERFACE_H
#define LIB_PACKAGE_INTERFACE_H

#include "dialect/Attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace attn {

enum class ArgKind { Input, Output, Scalar };

/// A field of `<name>_args`, after `size`.
struct Argument {
  std::string name;
  ArgKind kind;
  /// As in the spec; a scalar's own type.
  mlir::Type elementType;
  /// Places in Interface::ranks.
  std::vector<uint32_t> ranks;
  /// In the struct, bytes.
  uint32_t offset = 0;
  /// The first of its frame slots (runtime/attnrt_program.h).
  uint32_t slot = 0;
};

struct Rank {
  bool operator==(const Rank &other) const {
    return name == other.name && kind == other.kind && value == other.value &&
           operands == other.operands;
  }

  std::string name;
  RankKind kind;
  /// The fixed extent or the divisor.
  int64_t value;
  /// Places in Interface::ranks.
  std::vector<uint32_t> operands;
};

struct Interface {
  std::string name;
  /// Those of the cascade, in its order, then those of the mapping.
  std::vector<Rank> ranks;
  uint32_t numCascadeRanks = 0;
  /// In the order of the struct: inputs, scalars, outputs.
  std::vector<Argument> args;
  /// sizeof(<name>_args).
  uint32_t argsSize = 0;
  /// The frame slots of threads, extents and arguments; those of the program
  /// itself come after.
  uint32_t numArgSlots = 0;
  /// The cascade as attnc prints it, for a person.
  std::string text;
  /// The cascade for tools: what attnrt_program::cascade_json holds.
  std::string json;
};

/// The interface of `cascade`, or an error at what C can't say: a result
/// without a name, a name that is taken.
mlir::FailureOr<Interface> getInterface(CascadeOp cascade);

/// Adds the ranks that the mapping made to those of the cascade; `ranks` are
/// both. Fails if they were others before.
mlir::LogicalResult setProgramRanks(Interface &interface,
                                    mlir::ArrayAttr ranks);

/// Those of all cascades of `module`, in order. Anything else at top level is
/// an error, and so is a module without cascades.
mlir::FailureOr<std::vector<Interface>> getInterfaces(mlir::ModuleOp module);

} // namespace attn

#endif // LIB_PACKAGE_INTERFACE_H
