//===- LowerContract.cpp - What a contraction's code depends on -----------===//

#include "lib/Target/CPU/ContractLowering.h"
#include "lib/Target/FusedAccumulator.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// The rows are the largest rank that only lhs has; what remains of the
/// result's ranks is looped over outside.
void ContractLowering::classifyRanks() {
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes())) {
    bool isRow = rank != k.getLaneRank() &&
                 lhs.type.getRankPosition(rank) >= 0 &&
                 rhs.type.getRankPosition(rank) < 0;
    if (isRow && (!rowRank || size > numRows)) {
      rowRank = rank;
      numRows = size;
    }
  }
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes()))
    if (rank != rowRank && rank != k.getLaneRank())
      outer.push_back({rank, size});
  for (auto rank : op.getOver().getAsRange<StringAttr>())
    contracted.push_back(
        {rank, lhs.type.getSizes()[lhs.type.getRankPosition(rank)]});
  // The longest innermost: it is the one that is unrolled.
  llvm::sort(contracted, [](auto &x, auto &y) {
    return std::pair(x.second, x.first.getValue()) <
           std::pair(y.second, y.first.getValue());
  });
}

/// What is past a rank's extent is neither computed nor summed.
void ContractLowering::findEnds() {
  auto getResultEnd = [&](StringAttr rank, int64_t size) {
    return k.getEnd(rank, size,
                    k.getDemanded().getOrigin(op.getResult(), rank));
  };
  if (rowRank)
    rowEnd = getResultEnd(rowRank, numRows);
  if (StringAttr lanes = k.getLaneRank(); result.layout.hasLanes())
    laneEnd = k.restrictToPanel(
        getResultEnd(lanes,
                     result.type.getSizes()[result.layout.panelPosition]),
        result.layout);
  for (auto [rank, size] : contracted)
    sumEnds.push_back(
        k.getEnd(rank, size, DemandedElements::getOrigin(op, rank)));
}

void ContractLowering::findFirstValue() {
  SmallVector<Value> starts;
  if (accMap)
    llvm::append_range(starts, accMap.getInputs());
  else if (op.getAcc())
    starts.push_back(op.getAcc());
  for (auto [index, start] : llvm::enumerate(starts))
    if (const FirstValue *value = k.getFirstValue(start)) {
      first = *value;
      firstInput = index;
    }
}

/// All that the code depends on but the accumulator's region: ranks by their
/// order of appearance, so that their names don't matter.
std::string ContractLowering::getKey() {
  std::string key;
  llvm::raw_string_ostream os(key);
  SmallVector<StringAttr> names;
  auto print = [&](StringAttr rank) {
    auto *it = llvm::find(names, rank);
    os << it - names.begin() << (rank == k.getLaneRank() ? "l" : "");
    if (it == names.end())
      names.push_back(rank);
  };
  auto printTile = [&](const Buffer &buffer) {
    os << buffer.getElementType() << "[";
    for (auto [rank, size] :
         llvm::zip(buffer.type.getRanks(), buffer.type.getSizes())) {
      print(rank);
      os << ":" << size << " ";
    }
    os << "]";
  };
  for (Buffer *buffer : getBuffers())
    printTile(*buffer);
  for (auto [rank, size] : contracted)
    print(rank);
  os << (accMap ? "map" : acc ? "acc" : "");
  for (Buffer *buffer : getBuffers()) {
    for (Value stride : buffer->strides)
      os << (stride ? "s" : "1");
    os << ",";
  }
  os << bool(rowEnd) << bool(laneEnd);
  for (Value end : sumEnds)
    os << bool(end);
  os << result.layout.numPanels << "x" << vectors;
  if (first)
    os << " " << firstInput << " is " << first->value;
  return key;
}

/// What the code is given the addresses of.
SmallVector<Buffer *> ContractLowering::getBuffers() {
  SmallVector<Buffer *> buffers{&result, &lhs, &rhs};
  if (acc)
    buffers.push_back(&*acc);
  for (Buffer &input : accInputs)
    buffers.push_back(&input);
  return buffers;
}

/// What the code is given: addresses, and strides that the run shows.
SmallVector<Value *> ContractLowering::getOperands() {
  SmallVector<Value *> operands;
  for (Buffer *buffer : getBuffers()) {
    operands.push_back(&buffer->pointer);
    for (Value &stride : buffer->strides)
      if (stride)
        operands.push_back(&stride);
  }
  for (Value *end : {&rowEnd, &laneEnd})
    if (*end)
      operands.push_back(end);
  for (Value &end : sumEnds)
    if (end)
      operands.push_back(&end);
  if (packsRows())
    operands.push_back(&lhs.scratch);
  if (first)
    operands.push_back(&first->isFirst);
  return operands;
}

LogicalResult ContractLowering::run() {
  if (lhs.layout.hasLanes() && !rhs.layout.hasLanes())
    std::swap(lhs, rhs);
  Type element = result.getElementType();
  if (!element.isIntOrFloat() || element.isInteger(1))
    return op.emitOpError("sums ") << element << ", which the CPU can't do";
  accMap = getFusedAccumulator(op);
  if (accMap)
    accInputs = k.getBuffers(accMap.getInputs());
  else if (op.getAcc())
    acc = k.getBuffer(op.getAcc());
  if (result.layout.hasLanes())
    vectors = result.layout.panelVectors;
  classifyRanks();
  findEnds();
  findFirstValue();
  if (accMap && !isSelfContained(accMap)) {
    emit();
    return failure(hasFailed);
  }
  std::string key = getKey();
  LLVM::LLVMFuncOp routine = k.routines.lookup(key, accMap);
  auto values =
      llvm::map_to_vector(getOperands(), [](Value *value) { return *value; });
  if (!routine) {
    routine = k.makeRoutine(
        "contract", ValueRange(values).getTypes(), [&](ValueRange arguments) {
          for (auto [operand, argument] : llvm::zip(getOperands(), arguments))
            *operand = argument;
          emit();
        });
    k.routines.add(key, routine, accMap);
  }
  LLVM::CallOp::create(b, routine, values);
  return failure(hasFailed);
}

LogicalResult KernelLowering::lowerContract(tile::ContractOp op) {
  return ContractLowering(*this, op).run();
}
