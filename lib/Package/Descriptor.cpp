//===- Descriptor.cpp - What an object tells the runtime ------------------===//
//
// The structs of runtime/attnrt_program.h as LLVM constants. Field by field in
// the order of that header: a change there is a change here.
//
//===----------------------------------------------------------------------===//

#include "lib/Package/Descriptor.h"
#include "runtime/attnrt_program.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;
using namespace attn;

static_assert(ATTNRT_ABI_VERSION == 6, "write the new structs below");
static_assert(sizeof(attnrt_rank_desc) == 32 && sizeof(attnrt_arg_desc) == 32 &&
                  sizeof(attnrt_variant) == 40 &&
                  sizeof(attnrt_program) == 64 &&
                  sizeof(attnrt_gpu_map) == 24 &&
                  sizeof(attnrt_gpu_kernel) == 56 &&
                  sizeof(attnrt_gpu_code) == 24,
              "write the new structs below");

namespace {

/// Constants of C's structs.
class ConstantBuilder {
public:
  explicit ConstantBuilder(llvm::Module &module)
      : module(module), context(module.getContext()),
        pointer(llvm::PointerType::getUnqual(context)) {}

protected:
  llvm::Constant *getInt(unsigned bits, uint64_t value) {
    return llvm::ConstantInt::get(llvm::IntegerType::get(context, bits), value);
  }
  llvm::Constant *getStruct(ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }
  llvm::Constant *getText(StringRef text) {
    return addConstant(llvm::ConstantDataArray::getString(context, text));
  }
  llvm::Constant *getAddress(llvm::Constant *value) {
    return value ? value : llvm::ConstantPointerNull::get(pointer);
  }

  llvm::Constant *addConstant(llvm::Constant *value);
  llvm::Constant *addArray(ArrayRef<llvm::Constant *> elements);
  llvm::Constant *addPlaces(ArrayRef<uint32_t> places);

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointer;
};

class DescriptorBuilder : ConstantBuilder {
public:
  DescriptorBuilder(const Interface &interface, llvm::Module &module)
      : ConstantBuilder(module), interface(interface) {}

  llvm::GlobalVariable *build(ArrayRef<Variant> variants, uint32_t frameSlots);

private:
  llvm::Constant *getRank(const Rank &rank);
  llvm::Constant *getArg(const Argument &arg);

  const Interface &interface;
};

class DeviceCodeBuilder : ConstantBuilder {
public:
  using ConstantBuilder::ConstantBuilder;
  llvm::Constant *build(const nvptx::DeviceCode &code);

private:
  llvm::Constant *getKernel(const nvptx::DeviceKernel &kernel);
};

} // namespace

/// Adds a constant that only this object sees, and returns its address.
llvm::Constant *ConstantBuilder::addConstant(llvm::Constant *value) {
  auto *global = new llvm::GlobalVariable(
      module, value->getType(), /*isConstant=*/true,
      llvm::GlobalValue::PrivateLinkage, value, ".descriptor");
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  return global;
}

/// Returns the address of `elements`, all of one type; null if there are none.
llvm::Constant *ConstantBuilder::addArray(ArrayRef<llvm::Constant *> elements) {
  if (elements.empty())
    return llvm::ConstantPointerNull::get(pointer);
  auto *type =
      llvm::ArrayType::get(elements.front()->getType(), elements.size());
  return addConstant(llvm::ConstantArray::get(type, elements));
}

llvm::Constant *ConstantBuilder::addPlaces(ArrayRef<uint32_t> places) {
  if (places.empty())
    return llvm::ConstantPointerNull::get(pointer);
  return addConstant(llvm::ConstantDataArray::get(context, places));
}

static unsigned getRankKind(RankKind kind) {
  switch (kind) {
  case RankKind::Fixed:
    return ATTNRT_RANK_FIXED;
  case RankKind::Free:
    return ATTNRT_RANK_FREE;
  case RankKind::Product:
    return ATTNRT_RANK_PRODUCT;
  case RankKind::CeilDiv:
    return ATTNRT_RANK_CEILDIV;
  }
  llvm_unreachable("unknown kind of rank");
}

llvm::Constant *DescriptorBuilder::getRank(const Rank &rank) {
  return getStruct({getText(rank.name), getInt(64, rank.value),
                    addPlaces(rank.operands), getInt(32, rank.operands.size()),
                    getInt(32, getRankKind(rank.kind))});
}

static unsigned getArgKind(ArgKind kind) {
  switch (kind) {
  case ArgKind::Input:
    return ATTNRT_ARG_INPUT;
  case ArgKind::Output:
    return ATTNRT_ARG_OUTPUT;
  case ArgKind::Scalar:
    return ATTNRT_ARG_SCALAR;
  }
  llvm_unreachable("unknown kind of argument");
}

static unsigned getTypeCode(Type type) {
  if (isa<Float8E4M3FNType>(type))
    return kDLFloat8_e4m3fn;
  if (isa<Float8E5M2Type>(type))
    return kDLFloat8_e5m2;
  if (type.isBF16())
    return kDLBfloat;
  if (isa<FloatType>(type))
    return kDLFloat;
  if (type.isInteger(1))
    return kDLBool;
  return type.isUnsignedInteger() ? kDLUInt : kDLInt;
}

llvm::Constant *DescriptorBuilder::getArg(const Argument &arg) {
  unsigned bits = arg.elementType.getIntOrFloatBitWidth();
  return getStruct({getText(arg.name), addPlaces(arg.ranks),
                    getInt(32, arg.ranks.size()), getInt(32, arg.offset),
                    getInt(32, arg.slot), getInt(8, getArgKind(arg.kind)),
                    getInt(8, getTypeCode(arg.elementType)),
                    // A boolean takes a byte.
                    getInt(8, std::max(bits, 8u)), getInt(8, 0)});
}

llvm::GlobalVariable *DescriptorBuilder::build(ArrayRef<Variant> variants,
                                               uint32_t frameSlots) {
  SmallVector<llvm::Constant *> ranks, args, variantDescs;
  for (const Rank &rank : interface.ranks)
    ranks.push_back(getRank(rank));
  for (const Argument &arg : interface.args)
    args.push_back(getArg(arg));
  for (const Variant &variant : variants)
    variantDescs.push_back(
        getStruct({getText(variant.isa), getInt(64, variant.features),
                   getAddress(variant.workspace), getAddress(variant.host),
                   getAddress(variant.device)}));

  llvm::Constant *program =
      getStruct({getInt(32, ATTNRT_ABI_VERSION), getInt(32, interface.argsSize),
                 getText(interface.name), getText(interface.json),
                 getInt(32, ranks.size()), getInt(32, args.size()),
                 getInt(32, variantDescs.size()), getInt(32, frameSlots),
                 addArray(ranks), addArray(args), addArray(variantDescs)});
  return new llvm::GlobalVariable(
      module, program->getType(), /*isConstant=*/true,
      llvm::GlobalValue::ExternalLinkage, program, interface.name + "_program");
}

llvm::Constant *
DeviceCodeBuilder::getKernel(const nvptx::DeviceKernel &kernel) {
  SmallVector<llvm::Constant *> maps;
  for (const nvptx::TensorMap &map : kernel.maps)
    maps.push_back(
        getStruct({getInt(32, map.slot), getInt(32, map.extents.size()),
                   addPlaces(map.extents), addPlaces(map.box)}));
  llvm::Constant *cubin = nullptr;
  if (!kernel.cubin.empty())
    cubin = addConstant(llvm::ConstantDataArray::getString(
        context, kernel.cubin, /*AddNull=*/false));
  return getStruct({getText(kernel.name), getInt(32, kernel.threads),
                    getInt(32, kernel.sharedBytes), addArray(maps),
                    getInt(32, maps.size()), getInt(16, kernel.isPersistent),
                    getInt(16, kernel.waits), getText(kernel.ptx),
                    getAddress(cubin), getInt(64, kernel.cubin.size())});
}

llvm::Constant *DeviceCodeBuilder::build(const nvptx::DeviceCode &code) {
  auto kernels = llvm::map_to_vector(
      code.kernels, [&](auto &kernel) { return getKernel(kernel); });
  bool hasCubins = llvm::none_of(
      code.kernels, [](auto &kernel) { return kernel.cubin.empty(); });
  return addConstant(
      getStruct({getInt(32, code.gpu.multiprocessor->capability),
                 getInt(32, kernels.size()), addArray(kernels),
                 getInt(32, code.gpu.hasWarpgroups()), getInt(32, hasCubins)}));
}

llvm::Constant *attn::addDeviceCode(const nvptx::DeviceCode &code,
                                    llvm::Module &module) {
  return DeviceCodeBuilder(module).build(code);
}

/// Adds `status name(context, args, call[, bytes])`, which returns
/// `callee(context, &program, args, call[, bytes])`.
static void addEntry(const Twine &name, StringRef callee,
                     llvm::GlobalVariable *program, unsigned numParams,
                     llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  SmallVector<llvm::Type *> params(numParams, pointer);
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(pointer, params, /*isVarArg=*/false),
      llvm::GlobalValue::ExternalLinkage, name, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);

  params.push_back(pointer);
  llvm::FunctionCallee target = module.getOrInsertFunction(
      callee, llvm::FunctionType::get(pointer, params, /*isVarArg=*/false));
  SmallVector<llvm::Value *> args;
  for (llvm::Argument &arg : function->args())
    args.push_back(&arg);
  args.insert(args.begin() + 1, program);

  llvm::IRBuilder<> builder(
      llvm::BasicBlock::Create(context, "entry", function));
  llvm::CallInst *call = builder.CreateCall(target, args);
  call->setTailCall();
  builder.CreateRet(call);
}

void attn::addProgram(const Interface &interface, ArrayRef<Variant> variants,
                      uint32_t frameSlots, llvm::Module &module) {
  DescriptorBuilder builder(interface, module);
  llvm::GlobalVariable *program = builder.build(variants, frameSlots);
  addEntry(interface.name, "attnrt_run_program", program, /*numParams=*/3,
           module);
  addEntry(interface.name + "_workspace", "attnrt_program_workspace", program,
           /*numParams=*/4, module);
}
