//===- Bind.cpp - The extents of the ranks, from the tensors --------------===//
//
// First each dimension of each tensor binds its rank or agrees with it; then
// products and ceiling quotients are gone over until nothing changes. A product
// that lacks one factor gives it (g in `h = k * g`). A rank remembers who bound
// it, so that a message can name both sides of a conflict.
//
//===----------------------------------------------------------------------===//

#include "runtime/Bind.h"
#include "runtime/Status.h"

#include <cstring>
#include <vector>

using namespace attn::rt;

const DLTensor *attn::rt::getTensor(const attnrt_arg_desc &arg,
                                    const void *args) {
  if (arg.kind == ATTNRT_ARG_SCALAR)
    return nullptr;
  const DLTensor *tensor;
  std::memcpy(&tensor, static_cast<const char *>(args) + arg.offset,
              sizeof(tensor));
  return tensor;
}

namespace {

class Binder {
public:
  Binder(const attnrt_program &program, const void *args, int64_t *extents)
      : program(program), args(args), extents(extents),
        origins(program.num_ranks) {}

  attnrt_status run();

private:
  static constexpr int64_t kUnbound = -1;

  /// Who bound a rank: a dimension of an argument, or the spec (NULL).
  struct Origin {
    const attnrt_arg_desc *arg = nullptr;
    uint32_t dimension = 0;
  };

  attnrt_status bindTensor(const attnrt_arg_desc &arg, const int64_t *shape);
  attnrt_status bindDerived(uint32_t rank, bool &changed);
  attnrt_status bindCeildiv(uint32_t rank, bool &changed);
  attnrt_status bindProduct(uint32_t rank, bool &changed);
  bool bindEmptyProduct();
  attnrt_status setDerived(uint32_t rank, int64_t extent, bool &changed);

  const char *name(uint32_t rank) const { return program.ranks[rank].name; }

  /// "argument Q: " if an argument bound `rank`, else nothing.
  std::string prefix(uint32_t rank) const {
    const attnrt_arg_desc *arg = origins[rank].arg;
    return arg ? std::string("argument ") + arg->name + ": " : "";
  }

  /// "k * g = 2 * 3", "ceildiv(m, 16) = ceildiv(40, 16)".
  std::string formula(uint32_t rank) const;

  const attnrt_program &program;
  const void *args;
  int64_t *extents;
  std::vector<Origin> origins;
};

} // namespace

std::string Binder::formula(uint32_t rank) const {
  const attnrt_rank_desc &desc = program.ranks[rank];
  std::string names, values;
  for (uint32_t i = 0; i < desc.num_operands; ++i) {
    uint32_t operand = desc.operands[i];
    names += (i ? " * " : "") + std::string(name(operand));
    values += i ? " * " : "";
    values += extents[operand] == kUnbound ? name(operand)
                                           : std::to_string(extents[operand]);
  }
  if (desc.kind == ATTNRT_RANK_PRODUCT)
    return names + " = " + values;
  std::string divisor = ", " + std::to_string(desc.value) + ")";
  return "ceildiv(" + names + divisor + " = ceildiv(" + values + divisor;
}

attnrt_status Binder::bindTensor(const attnrt_arg_desc &arg,
                                 const int64_t *shape) {
  for (uint32_t i = 0; i < arg.num_ranks; ++i) {
    uint32_t rank = arg.ranks[i];
    int64_t &extent = extents[rank];
    if (extent == kUnbound) {
      extent = shape[i];
      origins[rank] = {&arg, i};
      continue;
    }
    if (extent == shape[i])
      continue;
    Origin other = origins[rank];
    if (!other.arg)
      return invalid("argument ", arg.name, ": rank ", name(rank),
                     " has extent ", shape[i], " but the spec fixes it to ",
                     extent);
    if (other.arg == &arg)
      return invalid("argument ", arg.name, ": rank ", name(rank),
                     " has extent ", shape[i], " in dimension ", i, " but ",
                     extent, " in dimension ", other.dimension);
    return invalid("argument ", arg.name, ": rank ", name(rank), " has extent ",
                   shape[i], " but ", other.arg->name, " gives ", extent);
  }
  return nullptr;
}

/// Sets the extent that the rank's formula gives, or compares with it.
attnrt_status Binder::setDerived(uint32_t rank, int64_t extent, bool &changed) {
  if (extents[rank] == kUnbound) {
    extents[rank] = extent;
    changed = true;
  } else if (extents[rank] != extent) {
    return invalid(prefix(rank), "rank ", name(rank), " has extent ",
                   extents[rank], " but ", formula(rank), " is ", extent);
  }
  return nullptr;
}

attnrt_status Binder::bindCeildiv(uint32_t rank, bool &changed) {
  const attnrt_rank_desc &desc = program.ranks[rank];
  int64_t whole = extents[desc.operands[0]];
  if (whole == kUnbound)
    return nullptr;
  return setDerived(rank, whole / desc.value + (whole % desc.value != 0),
                    changed);
}

attnrt_status Binder::bindProduct(uint32_t rank, bool &changed) {
  const attnrt_rank_desc &desc = program.ranks[rank];
  int64_t product = 1, unknown = -1, numUnknown = 0;
  for (uint32_t i = 0; i < desc.num_operands; ++i) {
    uint32_t operand = desc.operands[i];
    if (extents[operand] == kUnbound) {
      unknown = operand;
      ++numUnknown;
    } else if (__builtin_mul_overflow(product, extents[operand], &product)) {
      return invalid("rank ", name(rank), ": ", formula(rank),
                     " exceeds 64 bits");
    }
  }
  if (numUnknown == 0)
    return setDerived(rank, product, changed);

  int64_t extent = extents[rank];
  if (numUnknown > 1 || extent == kUnbound || (product == 0 && extent == 0))
    return nullptr;
  if (product == 0 || extent % product != 0)
    return invalid(prefix(rank), "rank ", name(rank), " has extent ", extent,
                   ", which ", formula(rank), " can't give for any ",
                   name(unknown));
  extents[unknown] = extent / product;
  changed = true;
  return nullptr;
}

/// In `0 = 0 * g` any g will do; takes 1. Returns whether there was one.
bool Binder::bindEmptyProduct() {
  for (uint32_t rank = 0; rank < program.num_ranks; ++rank) {
    const attnrt_rank_desc &desc = program.ranks[rank];
    if (desc.kind != ATTNRT_RANK_PRODUCT || extents[rank] != 0)
      continue;
    int64_t unknown = -1;
    bool hasZero = false;
    for (uint32_t i = 0; i < desc.num_operands; ++i) {
      if (extents[desc.operands[i]] == kUnbound)
        unknown = desc.operands[i];
      hasZero |= extents[desc.operands[i]] == 0;
    }
    if (unknown >= 0 && hasZero) {
      extents[unknown] = 1;
      return true;
    }
  }
  return false;
}

attnrt_status Binder::bindDerived(uint32_t rank, bool &changed) {
  switch (program.ranks[rank].kind) {
  case ATTNRT_RANK_PRODUCT:
    return bindProduct(rank, changed);
  case ATTNRT_RANK_CEILDIV:
    return bindCeildiv(rank, changed);
  default:
    return nullptr;
  }
}

attnrt_status Binder::run() {
  for (uint32_t rank = 0; rank < program.num_ranks; ++rank)
    extents[rank] = program.ranks[rank].kind == ATTNRT_RANK_FIXED
                        ? program.ranks[rank].value
                        : kUnbound;
  for (uint32_t i = 0; i < program.num_args; ++i) {
    const DLTensor *tensor = getTensor(program.args[i], args);
    if (!tensor)
      continue;
    if (attnrt_status status = bindTensor(program.args[i], tensor->shape))
      return status;
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (uint32_t rank = 0; rank < program.num_ranks; ++rank)
      if (attnrt_status status = bindDerived(rank, changed))
        return status;
    changed = changed || bindEmptyProduct();
  }
  for (uint32_t rank = 0; rank < program.num_ranks; ++rank)
    if (extents[rank] == kUnbound)
      return invalid("rank ", name(rank),
                     " has an extent that the arguments don't determine");
  return nullptr;
}

attnrt_status attn::rt::bindExtents(const attnrt_program &program,
                                    const void *args, int64_t *extents) {
  return Binder(program, args, extents).run();
}
