//===- Validate.cpp - The arguments against the spec ----------------------===//

#include "runtime/Validate.h"
#include "runtime/Bind.h"
#include "runtime/Status.h"

#include <cstring>

using namespace attn::rt;

/// The address of a tensor that has no data, or none yet: not 0, which would
/// say that an output is not wanted, and far from both ends.
static constexpr uintptr_t kStandIn = uintptr_t(1) << 62;

/// Returns what to call a device in a message: "cuda:0".
static std::string getDeviceName(DLDevice device) {
  std::string id = ":" + std::to_string(device.device_id);
  switch (device.device_type) {
  case kDLCPU:
    return "cpu";
  case kDLCUDA:
    return "cuda" + id;
  case kDLCUDAManaged:
    return "cuda managed" + id;
  case kDLROCM:
    return "rocm" + id;
  case kDLMetal:
    return "metal" + id;
  default:
    return "DLPack type " + std::to_string(int32_t(device.device_type)) + id;
  }
}

/// Returns whether what runs on `runner` can read memory of `device` in place.
static bool isReadable(DLDevice device, DLDevice runner) {
  if (runner.device_type == kDLCUDA)
    return device.device_type == kDLCUDAManaged ||
           (device.device_type == kDLCUDA &&
            device.device_id == runner.device_id);
  return device.device_type == kDLCPU || device.device_type == kDLCUDAHost ||
         device.device_type == kDLROCMHost;
}

/// "[b, h, p, e]".
static std::string getRanksText(const attnrt_program &program,
                                const attnrt_arg_desc &arg) {
  std::string text = "[";
  for (uint32_t i = 0; i < arg.num_ranks; ++i)
    text += (i ? ", " : "") + std::string(program.ranks[arg.ranks[i]].name);
  return text + "]";
}

static attnrt_status checkHeader(const attnrt_program &program,
                                 const attnrt_arg_desc &arg,
                                 const DLTensor &tensor,
                                 const DLDevice *runner) {
  if (tensor.ndim < 0 || uint32_t(tensor.ndim) != arg.num_ranks)
    return invalid("argument ", arg.name, ": has ", tensor.ndim,
                   " dimensions but the spec gives ", arg.num_ranks, ": ",
                   getRanksText(program, arg));
  DLDataType type = getType(arg);
  if (tensor.dtype.code != type.code || tensor.dtype.bits != type.bits ||
      tensor.dtype.lanes != type.lanes)
    return invalid("argument ", arg.name, ": dtype is ",
                   getTypeName(tensor.dtype), " but the spec gives ",
                   getTypeName(type));
  if (runner && !isReadable(tensor.device, *runner))
    return invalid("argument ", arg.name, ": lies on ",
                   getDeviceName(tensor.device), " but the call runs on ",
                   getDeviceName(*runner));
  if (tensor.ndim > 0 && !tensor.shape)
    return invalid("argument ", arg.name, ": shape is null");
  for (int32_t i = 0; i < tensor.ndim; ++i)
    if (tensor.shape[i] < 0)
      return invalid("argument ", arg.name, ": rank ",
                     program.ranks[arg.ranks[i]].name, " has extent ",
                     tensor.shape[i], ", which is negative");
  return nullptr;
}

attnrt_status attn::rt::checkHeaders(const attnrt_program &program,
                                     const void *args, const DLDevice *device) {
  if (!args)
    return invalid("args is null");
  uint32_t size;
  std::memcpy(&size, args, sizeof(size));
  if (size != program.args_size)
    return invalid("args->size is ", size, " but ", program.name, "_args has ",
                   program.args_size, " bytes");

  std::string outputs;
  bool hasOutput = false;
  for (uint32_t i = 0; i < program.num_args; ++i) {
    const attnrt_arg_desc &arg = program.args[i];
    if (arg.kind == ATTNRT_ARG_SCALAR)
      continue;
    const DLTensor *tensor = getTensor(arg, args);
    if (arg.kind == ATTNRT_ARG_OUTPUT) {
      outputs += (outputs.empty() ? "" : ", ") + std::string(arg.name);
      hasOutput |= tensor != nullptr;
    } else if (!tensor) {
      return invalid("argument ", arg.name, ": is null but is an input");
    }
    if (tensor)
      if (attnrt_status status = checkHeader(program, arg, *tensor, device))
        return status;
  }
  if (!hasOutput)
    return invalid("every output is null: ", outputs);
  return nullptr;
}

/// Checks what `view` says of memory. `hasData` is whether it has an address.
static attnrt_status checkMemory(View &view, bool hasData) {
  const attnrt_arg_desc &arg = *view.arg;
  if (view.isEmpty)
    return nullptr;
  if (!hasData)
    return invalid("argument ", arg.name, ": data is null but shape is ",
                   getListText(view.extents, arg.num_ranks));
  if (!view.computeRange())
    return invalid("argument ", arg.name, ": shape ",
                   getListText(view.extents, arg.num_ranks), " with strides ",
                   getListText(view.strides, arg.num_ranks),
                   " exceeds the address space");
  if (view.isMisaligned())
    return invalid("argument ", arg.name, ": data is not aligned to the ",
                   view.getElementBytes(), " bytes of ",
                   getTypeName(getType(arg)));
  if (arg.kind == ATTNRT_ARG_OUTPUT && !view.isNested())
    return invalid("argument ", arg.name, ": strides ",
                   getListText(view.strides, arg.num_ranks), " of shape ",
                   getListText(view.extents, arg.num_ranks),
                   " let elements of an output share memory");
  return nullptr;
}

/// Checks that no output shares memory with another argument.
static attnrt_status checkOverlaps(const std::vector<View> &views) {
  for (const View &output : views) {
    if (output.arg->kind != ATTNRT_ARG_OUTPUT)
      continue;
    for (const View &other : views) {
      if (&other == &output || areDisjoint(output, other))
        continue;
      const char *kind =
          other.arg->kind == ATTNRT_ARG_OUTPUT ? "output " : "input ";
      return invalid("argument ", output.arg->name, ": overlaps ", kind,
                     other.arg->name);
    }
  }
  return nullptr;
}

attnrt_status attn::rt::checkOwners(const CudaDevice &device,
                                    const std::vector<View> &views) {
  for (const View &view : views) {
    if (view.isEmpty)
      continue;
    int32_t owner;
    if (attnrt_status status = device.getOwner(view.data, owner))
      return status;
    if (owner < 0)
      return invalid("argument ", view.arg->name,
                     ": data is no address of CUDA's memory");
    if (owner != device.ordinal)
      return invalid("argument ", view.arg->name, ": data lies on cuda:", owner,
                     " but the call runs on cuda:", device.ordinal);
  }
  return nullptr;
}

attnrt_status attn::rt::fillFrame(const attnrt_program &program,
                                  const void *args, bool withData,
                                  int64_t *frame, std::vector<View> &views) {
  for (uint32_t i = 0; i < program.num_args; ++i) {
    const attnrt_arg_desc &arg = program.args[i];
    int64_t *slots = frame + arg.slot;
    if (arg.kind == ATTNRT_ARG_SCALAR) {
      std::memcpy(slots, static_cast<const char *>(args) + arg.offset,
                  (arg.type_bits + 7) / 8);
      continue;
    }
    const DLTensor *tensor = getTensor(arg, args);
    if (!tensor)
      continue;
    int64_t *strides = slots + 1;
    getCompactStrides(tensor->shape, arg.num_ranks, strides);
    if (tensor->strides && arg.num_ranks)
      std::memcpy(strides, tensor->strides, arg.num_ranks * sizeof(int64_t));

    bool isEmpty = false;
    for (uint32_t d = 0; d < arg.num_ranks; ++d)
      isEmpty |= tensor->shape[d] == 0;
    uintptr_t address =
        reinterpret_cast<uintptr_t>(tensor->data) + tensor->byte_offset;
    bool hasData = tensor->data && address;
    if (!hasData || !withData)
      address = kStandIn;
    slots[0] = int64_t(address);

    View view{&arg, tensor->shape, strides, address, isEmpty};
    if (attnrt_status status = checkMemory(view, hasData || !withData))
      return status;
    views.push_back(view);
  }
  return withData ? checkOverlaps(views) : nullptr;
}
