//===- Intrinsics.cpp - What only a GPU's instructions say ----------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;

Value nvptx::emitThread(ImplicitLocOpBuilder &b, int64_t threads) {
  auto range = LLVM::ConstantRangeAttr::get(b.getContext(), 32, 0, threads);
  return NVVM::ThreadIdXOp::create(b, b.getI32Type(), range);
}

/// An i32 that `source` is moved to.
static Value emitMove(ImplicitLocOpBuilder &b, StringRef source) {
  return LLVM::InlineAsmOp::create(b, b.getI32Type(), ValueRange(),
                                   ("mov.u32 $0, " + source + ";").str(), "=r",
                                   /*has_side_effects=*/true,
                                   /*is_align_stack=*/false,
                                   LLVM::tailcallkind::TailCallKind::None,
                                   LLVM::AsmDialectAttr(), ArrayAttr())
      .getRes();
}

Value nvptx::emitLoad(ImplicitLocOpBuilder &b, Type type, Value pointer,
                      Value condition, bool isInvariant) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (!condition) {
    auto load = LLVM::LoadOp::create(b, type, pointer, width / 8);
    load.setInvariant(isInvariant);
    return load;
  }
  // No register has 8 bits.
  Type integer = b.getIntegerType(width),
       held = b.getIntegerType(std::max(width, 16u));
  std::string bits = std::to_string(width),
              all = ".b" + std::to_string(std::max(width, 16u));
  const char *constraint = width <= 16 ? "h" : width == 32 ? "r" : "l";
  Value isRead = arith::ExtUIOp::create(b, b.getI32Type(), condition);
  Value loaded =
      LLVM::InlineAsmOp::create(
          b, held, ValueRange{pointer, isRead},
          "{ .reg .pred p; setp.ne.b32 p, $2, 0; mov" + all +
              " $0, 0; @p ld.global.b" + bits + " $0, [$1]; }",
          "=" + std::string(constraint) + ",l,r",
          /*has_side_effects=*/!isInvariant, /*is_align_stack=*/false,
          LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(),
          ArrayAttr())
          .getRes();
  if (integer != held)
    loaded = arith::TruncIOp::create(b, integer, loaded);
  if (type == integer)
    return loaded;
  return arith::BitcastOp::create(b, type, loaded);
}

Value nvptx::emitPackPair(ImplicitLocOpBuilder &b, Value low, Value high,
                          Type element) {
  StringRef type = element.isBF16() ? "bf16x2" : "f16x2";
  return LLVM::InlineAsmOp::create(
             b, b.getI32Type(), ValueRange{high, low},
             ("cvt.rn." + type + ".f32 $0, $1, $2;").str(), "=r,f,f",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(),
             ArrayAttr())
      .getRes();
}

void nvptx::emitWaitForKernel(ImplicitLocOpBuilder &b) {
  NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::wait);
}

void nvptx::emitLetNextKernelBegin(ImplicitLocOpBuilder &b) {
  NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
}

Value nvptx::emitThreadAnew(ImplicitLocOpBuilder &b) {
  return emitMove(b, "%tid.x");
}

Value nvptx::emitUnknownZero(ImplicitLocOpBuilder &b) {
  return emitMove(b, "0");
}

Value nvptx::emitBlock(ImplicitLocOpBuilder &b) {
  return NVVM::BlockIdXOp::create(b, b.getI32Type());
}

Value nvptx::emitNumBlocks(ImplicitLocOpBuilder &b) {
  return NVVM::GridDimXOp::create(b, b.getI32Type());
}

void nvptx::emitBarrier(ImplicitLocOpBuilder &b) {
  NVVM::Barrier0Op::create(b);
}

/// Of one word.
static Value emitShuffle(ImplicitLocOpBuilder &b, Value word, int32_t mask) {
  auto number = [&](int64_t n) { return makeInteger(b, b.getI32Type(), n); };
  return NVVM::ShflOp::create(b, word.getType(), number(-1), word, number(mask),
                              number(31), NVVM::ShflKind::bfly,
                              /*return_value_and_is_valid=*/UnitAttr());
}

/// What `exchange` makes of each word of `value`, an integer or a float.
static Value exchangeWords(ImplicitLocOpBuilder &b, Value value,
                           llvm::function_ref<Value(Value)> exchange) {
  Type type = value.getType(), i32 = b.getI32Type();
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 32)
    return exchange(value);
  if (width < 32) {
    Value word = arith::ExtUIOp::create(b, i32, value);
    return arith::TruncIOp::create(b, type, exchange(word));
  }
  Type i64 = b.getI64Type();
  Value bits =
      type.isF64() ? Value(arith::BitcastOp::create(b, i64, value)) : value;
  Value shift = makeInteger(b, i64, 32);
  Value low = arith::TruncIOp::create(b, i32, bits);
  Value high =
      arith::TruncIOp::create(b, i32, arith::ShRUIOp::create(b, bits, shift));
  low = arith::ExtUIOp::create(b, i64, exchange(low));
  high = arith::ExtUIOp::create(b, i64, exchange(high));
  bits = arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, shift));
  return type.isF64() ? Value(arith::BitcastOp::create(b, type, bits)) : bits;
}

Value nvptx::emitShuffleXor(ImplicitLocOpBuilder &b, Value value,
                            int32_t mask) {
  return exchangeWords(b, value,
                       [&](Value word) { return emitShuffle(b, word, mask); });
}

/// The values of a structure.
static SmallVector<Value> unpack(ImplicitLocOpBuilder &b, Value structure) {
  auto type = cast<LLVM::LLVMStructType>(structure.getType());
  SmallVector<Value> values;
  for (size_t i = 0; i != type.getBody().size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, structure, int64_t(i)));
  return values;
}

SmallVector<Value> nvptx::emitLoadMatrix(ImplicitLocOpBuilder &b, Value pointer,
                                         int64_t count, bool isTransposed) {
  MLIRContext *context = b.getContext();
  SmallVector<Type> words(count, b.getI32Type());
  auto type = LLVM::LLVMStructType::getLiteral(context, words);
  return unpack(b,
                NVVM::LdMatrixOp::create(
                    b, type, pointer, count,
                    isTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
                    NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
                    NVVM::LdStMatrixEltType::B16));
}

void nvptx::emitMultiplyAdd(ImplicitLocOpBuilder &b, ArrayRef<Value> left,
                            ArrayRef<Value> right, MutableArrayRef<Value> sum,
                            Type element) {
  SmallVector<Type> results(sum.size(), b.getF32Type());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), results);
  bool isBF16 = element.isBF16();
  auto convert = [&](ArrayRef<Value> words) {
    SmallVector<Value> converted(words);
    if (!isBF16)
      for (Value &word : converted)
        word = LLVM::BitcastOp::create(b, VectorType::get(2, b.getF16Type()),
                                       word);
    return converted;
  };
  NVVM::MMATypes operand = isBF16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Value product = NVVM::MmaOp::create(
      b, type, convert(left), convert(right), SmallVector<Value>(sum),
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{operand, operand},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  llvm::copy(unpack(b, product), sum.begin());
}

void nvptx::emitCopyAsync(ImplicitLocOpBuilder &b, Value target, Value source,
                          Value bytes) {
  NVVM::CpAsyncOp::create(b, target, source, uint32_t(16),
                          NVVM::LoadCacheModifierKind::CG, bytes);
}

void nvptx::emitCommitCopies(ImplicitLocOpBuilder &b) {
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void nvptx::emitWaitForCopies(ImplicitLocOpBuilder &b, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(pending));
}

//===----------------------------------------------------------------------===//
// Roles and rings
//===----------------------------------------------------------------------===//

void nvptx::emitBarrier(ImplicitLocOpBuilder &b, Value number,
                        int64_t threads) {
  NVVM::BarrierOp::create(b, TypeRange(), number,
                          makeInteger(b, b.getI32Type(), threads),
                          NVVM::BarrierReductionAttr(), Value());
}

void nvptx::emitBarrier(ImplicitLocOpBuilder &b, int64_t number,
                        int64_t threads) {
  emitBarrier(b, makeInteger(b, b.getI32Type(), number), threads);
}

void nvptx::emitArriveAtBarrier(ImplicitLocOpBuilder &b, Value number,
                                int64_t threads) {
  NVVM::BarrierArriveOp::create(b, number,
                                makeInteger(b, b.getI32Type(), threads));
}

Value nvptx::emitUniform(ImplicitLocOpBuilder &b, Value value) {
  auto number = [&](int64_t n) { return makeInteger(b, b.getI32Type(), n); };
  return exchangeWords(b, value, [&](Value word) -> Value {
    return NVVM::ShflOp::create(b, word.getType(), number(-1), word, number(0),
                                number(31), NVVM::ShflKind::idx,
                                /*return_value_and_is_valid=*/UnitAttr());
  });
}

Value nvptx::emitElect(ImplicitLocOpBuilder &b) {
  return NVVM::ElectSyncOp::create(b, b.getI1Type(), Value());
}

void nvptx::emitSetRegisters(ImplicitLocOpBuilder &b, int64_t count,
                             bool isMore) {
  NVVM::SetMaxRegisterOp::create(b, uint32_t(count),
                                 isMore ? NVVM::SetMaxRegisterAction::increase
                                        : NVVM::SetMaxRegisterAction::decrease);
}

void nvptx::emitInitBarrier(ImplicitLocOpBuilder &b, Value pointer,
                            int64_t count) {
  NVVM::MBarrierInitOp::create(b, pointer,
                               makeInteger(b, b.getI32Type(), count), Value());
}

void nvptx::emitFenceInit(ImplicitLocOpBuilder &b) {
  NVVM::FenceMbarrierInitOp::create(b);
}

void nvptx::emitArrive(ImplicitLocOpBuilder &b, Value pointer) {
  NVVM::MBarrierArriveOp::create(b, TypeRange(), pointer, Value());
}

void nvptx::emitArriveExpecting(ImplicitLocOpBuilder &b, Value pointer,
                                int64_t bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(
      b, TypeRange(), pointer, makeInteger(b, b.getI32Type(), bytes),
      NVVM::MemScopeKind::CTA, /*relaxed=*/false, Value());
}

void nvptx::emitAwaitPhase(ImplicitLocOpBuilder &b, Value pointer,
                           Value parity) {
  scf::WhileOp::create(
      b, TypeRange(), ValueRange(),
      [&](OpBuilder &inner, Location loc, ValueRange) {
        Value isDone = NVVM::MBarrierTryWaitOp::create(
            inner, loc, b.getI1Type(), pointer, parity, Value());
        Value yes = arith::ConstantIntOp::create(inner, loc, 1, 1);
        scf::ConditionOp::create(inner, loc,
                                 arith::XOrIOp::create(inner, loc, isDone, yes),
                                 ValueRange());
      },
      [&](OpBuilder &inner, Location loc, ValueRange) {
        scf::YieldOp::create(inner, loc);
      });
}

void nvptx::emitFenceShared(ImplicitLocOpBuilder &b) {
  NVVM::FenceProxyOp::create(
      b, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
}

void nvptx::emitCopyBox(ImplicitLocOpBuilder &b, Value target, Value map,
                        ValueRange coordinates, Value barrier) {
  Type cluster = LLVM::LLVMPointerType::get(b.getContext(), clusterSpace);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      b, LLVM::AddrSpaceCastOp::create(b, cluster, target), map, coordinates,
      barrier, /*im2colOffsets=*/ValueRange(), /*multicastMask=*/Value(),
      /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
      NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
}

//===----------------------------------------------------------------------===//
// Warpgroups
//===----------------------------------------------------------------------===//

static Type getStruct(ImplicitLocOpBuilder &b, ValueRange values) {
  return LLVM::LLVMStructType::getLiteral(b.getContext(),
                                          llvm::to_vector(values.getTypes()));
}

/// Assembly with side effects that takes each of `values`, words, in and out in
/// its register, then reads `operands`.
static void emitAssembly(ImplicitLocOpBuilder &b, const Twine &text,
                         MutableArrayRef<Value> values,
                         ArrayRef<Value> operands = {},
                         StringRef constraints = "") {
  std::string tied;
  for (auto [i, type] : llvm::enumerate(ValueRange(values).getTypes()))
    tied += (i ? ",=" : "=") + std::string(type.isF32() ? "f" : "r");
  for (size_t i = 0; i != values.size(); ++i)
    tied += "," + std::to_string(i);
  SmallVector<Value> all(values.begin(), values.end());
  llvm::append_range(all, operands);
  Value result =
      LLVM::InlineAsmOp::create(
          b, getStruct(b, values), all, text.str(), tied + constraints.str(),
          /*has_side_effects=*/true,
          /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
          LLVM::AsmDialectAttr(), ArrayAttr())
          .getRes();
  llvm::copy(unpack(b, result), values.begin());
}

/// NVVM has no operation that takes the left operand from registers.
static void emitFromRegisters(ImplicitLocOpBuilder &b,
                              const nvptx::WarpgroupProduct &product,
                              MutableArrayRef<Value> sums) {
  std::string registers, words,
      type = product.element.isBF16() ? "bf16" : "f16";
  auto name = [](size_t number) { return "$" + std::to_string(number); };
  for (size_t i = 0; i != sums.size(); ++i)
    registers += (i ? ", " : "") + name(i);
  SmallVector<Value> operands(product.words);
  std::string constraints;
  for (size_t i = 0; i != operands.size(); ++i) {
    words += (i ? ", " : "") + name(2 * sums.size() + i);
    constraints += ",r";
  }
  operands.push_back(product.right);
  std::string text = "wgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(2 * sums.size()) + "k16.f32." + type + "." +
                     type + " {" + registers + "}, {" + words + "}, " +
                     name(2 * sums.size() + product.words.size()) +
                     ", 1, 1, 1, " + (product.isRightTransposed ? "1;" : "0;");
  emitAssembly(b, text, sums, operands, constraints + ",l");
}

void nvptx::emitMultiplyAdd(ImplicitLocOpBuilder &b,
                            const nvptx::WarpgroupProduct &product,
                            MutableArrayRef<Value> sums) {
  if (!product.left)
    return emitFromRegisters(b, product, sums);
  Type type = getStruct(b, sums);
  Value packed = LLVM::UndefOp::create(b, type);
  if (product.adds)
    for (auto [i, sum] : llvm::enumerate(sums))
      packed = LLVM::InsertValueOp::create(b, packed, sum, int64_t(i));
  NVVM::WGMMATypes element =
      product.element.isBF16() ? NVVM::WGMMATypes::bf16 : NVVM::WGMMATypes::f16;
  // The layouts are as mma.sync has them: of columns for the right operand.
  Value result = NVVM::WgmmaMmaAsyncOp::create(
      b, type, packed, product.left, product.right,
      NVVM::MMAShapeAttr::get(b.getContext(), 64, 2 * sums.size(), 16), element,
      element, NVVM::WGMMATypes::f32,
      product.adds ? NVVM::WGMMAScaleOut::one : NVVM::WGMMAScaleOut::zero,
      NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one,
      product.isLeftTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      product.isRightTransposed ? NVVM::MMALayout::row : NVVM::MMALayout::col,
      NVVM::MMAIntOverflowAttr());
  llvm::copy(unpack(b, result), sums.begin());
}

void nvptx::emitBeginProducts(ImplicitLocOpBuilder &b) {
  NVVM::WgmmaFenceAlignedOp::create(b);
}

void nvptx::emitCommitProducts(ImplicitLocOpBuilder &b) {
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
}

void nvptx::emitAwaitProducts(ImplicitLocOpBuilder &b, int64_t pending,
                              MutableArrayRef<Value> words) {
  emitAssembly(b, "wgmma.wait_group.sync.aligned " + Twine(pending) + ";",
               words);
}

void nvptx::makeKernel(LLVM::LLVMFuncOp function, int64_t threads) {
  Builder b(function.getContext());
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(threads)}));
  // So that registers are not spared for the sake of more blocks.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(1));
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (isa<LLVM::LLVMPointerType>(type))
      function.setArgAttr(index, NVVM::NVVMDialect::getGridConstantAttrName(),
                          b.getUnitAttr());
}
