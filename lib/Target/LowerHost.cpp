//===- LowerHost.cpp - A program's two host functions ---------------------===//
//
//   i64 @<program>_workspace(ptr frame)
//   i32 @<program>_host(ptr run, ptr frame, ptr workspace)
//
// The second fills the workspaces' slots and launches the kernels. Once a
// launch has failed the others are skipped.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/LowerHost.h"
#include "lib/Target/Frame.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

namespace {
class HostLowering {
public:
  HostLowering(tile::ProgramOp program,
               const llvm::StringMap<tile::KernelOp> &kernels,
               LaunchEmitter emitLaunch)
      : program(program), kernels(kernels), emitLaunch(emitLaunch),
        frame(program), b(program.getLoc(), program) {
    pointer = LLVM::LLVMPointerType::get(b.getContext());
  }
  LogicalResult run();

private:
  tile::ProgramOp program;
  const llvm::StringMap<tile::KernelOp> &kernels;
  LaunchEmitter emitLaunch;
  FrameLayout frame;
  ImplicitLocOpBuilder b;
  Type pointer;
  IRMapping values;
  Value runPointer, framePointer, workspacePointer, workspaceOffset, status;

  Value constant(int64_t n) { return makeInteger(b, b.getI64Type(), n); }
  Value slotAddress(unsigned slot);
  Value loadSlot(unsigned slot, Type type) {
    return LLVM::LoadOp::create(b, type, slotAddress(slot));
  }
  FailureOr<Value> getExtent(StringAttr rank);
  FailureOr<Value> getBytes(tile::WorkspaceOp op, SmallVector<Value> &strides,
                            Value *estimate);
  LLVM::LLVMFuncOp beginFunction(StringRef suffix, ArrayRef<Type> inputs,
                                 Type result);
  LogicalResult emitWorkspaceFunction();
  LogicalResult emitHostFunction();
  LogicalResult fillWorkspace(tile::WorkspaceOp op);
  void loadScalars();
  LogicalResult lowerBlock(Block &block);
  LogicalResult lowerOp(Operation *op);
  LogicalResult lowerRegions(Operation *op);
  LogicalResult lowerLaunch(tile::LaunchOp launch);
};
} // namespace

Value HostLowering::slotAddress(unsigned slot) {
  return LLVM::GEPOp::create(b, pointer, b.getI64Type(), framePointer,
                             ArrayRef<LLVM::GEPArg>{int32_t(slot)});
}

FailureOr<Value> HostLowering::getExtent(StringAttr rank) {
  std::optional<unsigned> slot = frame.getExtentSlot(rank);
  if (!slot && rank.getValue() == "threads")
    slot = FrameLayout::threadsSlot;
  if (!slot)
    return emitError(b.getLoc())
           << "`" << program.getSymName() << "` declares no rank `"
           << rank.getValue() << "`";
  return loadSlot(*slot, b.getI64Type());
}

LLVM::LLVMFuncOp HostLowering::beginFunction(StringRef suffix,
                                             ArrayRef<Type> inputs,
                                             Type result) {
  b.setInsertionPoint(program);
  auto function =
      LLVM::LLVMFuncOp::create(b, (program.getSymName() + suffix).str(),
                               LLVM::LLVMFunctionType::get(result, inputs));
  b.setInsertionPointToStart(function.addEntryBlock(b));
  return function;
}

//===----------------------------------------------------------------------===//
// Workspaces
//===----------------------------------------------------------------------===//

/// A workspace's bytes, a multiple of 64, and its compact strides. `estimate`,
/// if wanted, is the same in f64, which can't overflow.
FailureOr<Value> HostLowering::getBytes(tile::WorkspaceOp op,
                                        SmallVector<Value> &strides,
                                        Value *estimate) {
  b.setLoc(op.getLoc());
  auto view = cast<tile::ViewType>(op.getType());
  int64_t size =
      getMemoryType(view.getElementType()).getIntOrFloatBitWidth() / 8;
  Type f64 = b.getF64Type();
  Value count = constant(1), number = makeConstant(b, f64, double(size));
  for (StringAttr rank : llvm::reverse(view.getRanks())) {
    strides.push_back(count);
    FailureOr<Value> extent = getExtent(rank);
    if (failed(extent))
      return failure();
    count = arith::MulIOp::create(b, count, *extent);
    number = arith::MulFOp::create(b, number,
                                   arith::SIToFPOp::create(b, f64, *extent));
  }
  std::reverse(strides.begin(), strides.end());
  Value bytes = arith::MulIOp::create(b, count, constant(size));
  bytes = arith::AddIOp::create(b, bytes, constant(63));
  bytes = arith::AndIOp::create(b, bytes, constant(-64));
  if (Value condition = op.getCondition()) {
    Value isUsed = values.lookup(condition);
    bytes = arith::SelectOp::create(b, isUsed, bytes, constant(0));
    number = arith::SelectOp::create(b, isUsed, number,
                                     makeConstant(b, b.getF64Type(), 0.0));
  }
  if (estimate)
    *estimate = number;
  return bytes;
}

LogicalResult HostLowering::emitWorkspaceFunction() {
  LLVM::LLVMFuncOp function =
      beginFunction("_workspace", pointer, b.getI64Type());
  framePointer = function.getArgument(0);
  loadScalars();
  Value total = constant(0), estimate = makeConstant(b, b.getF64Type(), 0.0);
  // Their conditions are arithmetic in the program's own block.
  for (Operation &op : program.getBody().front()) {
    auto workspace = dyn_cast<tile::WorkspaceOp>(&op);
    if (!workspace) {
      if (isa<tile::ExtentOp, tile::ChooseOp>(op) ||
          isa_and_nonnull<arith::ArithDialect>(op.getDialect()))
        if (failed(lowerOp(&op)))
          return failure();
      continue;
    }
    SmallVector<Value> strides;
    Value part;
    FailureOr<Value> bytes = getBytes(workspace, strides, &part);
    if (failed(bytes))
      return failure();
    total = arith::AddIOp::create(b, total, *bytes);
    estimate = arith::AddFOp::create(b, estimate, part);
  }
  Value fits = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, estimate,
                                     makeConstant(b, b.getF64Type(), 0x1p62));
  total = arith::SelectOp::create(b, fits, total, constant(-1));
  LLVM::ReturnOp::create(b, total);
  return success();
}

/// Writes the address and the strides of a workspace to its slots.
LogicalResult HostLowering::fillWorkspace(tile::WorkspaceOp op) {
  SmallVector<Value> strides;
  FailureOr<Value> bytes = getBytes(op, strides, nullptr);
  if (failed(bytes))
    return failure();
  unsigned slot = *frame.getSlot(op.getResult());
  Value start = LLVM::GEPOp::create(b, pointer, b.getI8Type(), workspacePointer,
                                    ArrayRef<LLVM::GEPArg>{workspaceOffset});
  LLVM::StoreOp::create(b, start, slotAddress(slot));
  for (Value stride : strides)
    LLVM::StoreOp::create(b, stride, slotAddress(++slot));
  workspaceOffset = arith::AddIOp::create(b, workspaceOffset, *bytes);
  return success();
}

//===----------------------------------------------------------------------===//
// Launches and control
//===----------------------------------------------------------------------===//

LogicalResult HostLowering::lowerLaunch(tile::LaunchOp launch) {
  tile::KernelOp kernel = kernels.lookup(launch.getKernel());
  if (!kernel)
    return launch.emitOpError("launches `")
           << launch.getKernel() << "`, which is not a tile.kernel";
  Value before = LLVM::LoadOp::create(b, b.getI32Type(), status);
  Value isFine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before,
                                       makeInteger(b, b.getI32Type(), 0));
  auto branch = scf::IfOp::create(b, isFine, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&branch.getThenRegion().front());
  for (auto [index, operand] : llvm::enumerate(launch.getOperands())) {
    if (frame.getSlot(operand))
      continue;
    Value value = values.lookup(operand);
    if (isa<IndexType>(value.getType()))
      value = arith::IndexCastOp::create(b, b.getI64Type(), value);
    LLVM::StoreOp::create(b, value,
                          slotAddress(frame.getOperandSlot(launch, index)));
  }
  Value tasks = constant(1);
  for (auto [rank, size] : llvm::zip(kernel.getGrid().getAsRange<StringAttr>(),
                                     kernel.getSizes())) {
    FailureOr<Value> extent = getExtent(rank);
    if (failed(extent))
      return failure();
    Value padded = arith::AddIOp::create(b, *extent, constant(size - 1));
    Value count = arith::DivSIOp::create(b, padded, constant(size));
    tasks = arith::MulIOp::create(b, tasks, count);
  }
  Value code = emitLaunch(b, {kernel, runPointer, framePointer, tasks});
  LLVM::StoreOp::create(b, code, status);
  return success();
}

/// Control flow and arithmetic stay as they are.
LogicalResult HostLowering::lowerRegions(Operation *op) {
  Operation *copy = b.cloneWithoutRegions(*op, values);
  for (auto [from, to] : llvm::zip(op->getRegions(), copy->getRegions())) {
    if (from.empty())
      continue;
    Block *block = b.createBlock(&to);
    for (BlockArgument argument : from.getArguments())
      values.map(argument,
                 block->addArgument(argument.getType(), argument.getLoc()));
    if (failed(lowerBlock(from.front())))
      return failure();
  }
  b.setInsertionPointAfter(copy);
  return success();
}

LogicalResult HostLowering::lowerOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tile::WorkspaceOp op) { return fillWorkspace(op); })
      .Case([&](tile::LaunchOp launch) { return lowerLaunch(launch); })
      .Case([&](tile::ChooseOp op) {
        Value extent = arith::IndexCastOp::create(
            b, b.getI64Type(), values.lookupOrDefault(op.getExtent()));
        LLVM::StoreOp::create(
            b, extent, slotAddress(*frame.getExtentSlot(op.getRankAttr())));
        return success();
      })
      .Case([&](tile::ExtentOp extent) -> LogicalResult {
        FailureOr<Value> value = getExtent(extent.getRankAttr());
        if (failed(value))
          return failure();
        values.map(extent.getResult(),
                   arith::IndexCastOp::create(b, b.getIndexType(), *value));
        return success();
      })
      .Case<scf::IfOp, scf::ForOp>(
          [&](Operation *op) { return lowerRegions(op); })
      .Default([&](Operation *op) -> LogicalResult {
        if (!isa_and_nonnull<arith::ArithDialect, scf::SCFDialect>(
                op->getDialect()) ||
            op->getNumRegions() != 0)
          return op->emitOpError("can't be lowered in a program");
        SmallVector<Value> mapped;
        for (Value operand : op->getOperands())
          mapped.push_back(values.lookup(operand));
        if (Value result = emitScalarOp(b, op, mapped))
          values.map(op->getResult(0), result);
        else
          b.clone(*op, values);
        return success();
      });
}

LogicalResult HostLowering::lowerBlock(Block &block) {
  for (Operation &op : block) {
    b.setLoc(op.getLoc());
    if (failed(lowerOp(&op)))
      return failure();
  }
  return success();
}

/// Scalar arguments may decide what is launched.
void HostLowering::loadScalars() {
  for (auto [index, argument] :
       llvm::enumerate(program.getBody().getArguments()))
    if (argument.getType().isIntOrFloat() && !argument.getType().isInteger(1))
      values.map(argument,
                 loadSlot(frame.getArgumentSlot(index), argument.getType()));
}

LogicalResult HostLowering::emitHostFunction() {
  LLVM::LLVMFuncOp function =
      beginFunction("_host", {pointer, pointer, pointer}, b.getI32Type());
  runPointer = function.getArgument(0);
  framePointer = function.getArgument(1);
  workspacePointer = function.getArgument(2);
  status = LLVM::AllocaOp::create(b, pointer, b.getI32Type(), constant(1));
  LLVM::StoreOp::create(b, makeInteger(b, b.getI32Type(), 0), status);
  loadScalars();
  workspaceOffset = constant(0);
  if (failed(lowerBlock(program.getBody().front())))
    return failure();
  Value code = LLVM::LoadOp::create(b, b.getI32Type(), status);
  LLVM::ReturnOp::create(b, code);
  return success();
}

LogicalResult HostLowering::run() {
  if (failed(emitWorkspaceFunction()))
    return failure();
  values.clear();
  return emitHostFunction();
}

LogicalResult attn::lowerProgram(tile::ProgramOp program,
                                 const llvm::StringMap<tile::KernelOp> &kernels,
                                 LaunchEmitter emitLaunch) {
  return HostLowering(program, kernels, emitLaunch).run();
}
