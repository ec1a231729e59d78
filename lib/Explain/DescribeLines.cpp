//===- DescribeLines.cpp - A cascade's Einsums, one a line ----------------===//
//
// As papers write them: `SN[p, m] = exp(QK[p, m] - GM[p])`, indented where a
// kernel, a stream or an iteration holds them. The dialect's own printer writes
// the expressions.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/DescribeForm.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace mlir;
using namespace attn;
using namespace attn::explain;

static OpPrintingFlags getFlags() { return OpPrintingFlags().useLocalScope(); }

Lines::Lines(CascadeOp cascade) : names(cascade, getFlags()) {
  visit(cascade.getBody().front(), /*depth=*/0);
}

std::string Lines::getName(Value value) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  value.printAsOperand(os, const_cast<AsmState &>(names));
  return text.substr(text.find_first_not_of('%'));
}

StringRef Lines::getFormula(Operation *op) const {
  auto it = formulas.find(op);
  return it == formulas.end() ? StringRef() : StringRef(it->second);
}

std::string Lines::list(ValueRange values) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(values, os, [&](Value value) { os << getName(value); });
  return text;
}

void Lines::add(StringRef kind, unsigned depth, const Twine &text) {
  lines.push_back({kind.str(), depth, text.str()});
}

/// Bodies nest 64 deep at most, and so does this.
void Lines::visit(Block &block, unsigned depth) {
  for (Operation &op : block) {
    if (isa<EinsumOp, TopKOp, JoinOp>(op))
      visitEinsum(&op, depth);
    else if (auto nest = dyn_cast<NestOp>(op))
      visitNest(nest, depth);
    else if (auto iterate = dyn_cast<IterateOp>(op))
      visitIterate(iterate, depth);
    else if (auto stream = dyn_cast<StreamOp>(op))
      visitStream(stream, depth);
  }
}

/// Prints the op and drops what only its syntax needs.
void Lines::visitEinsum(Operation *op, unsigned depth) {
  std::string text;
  llvm::raw_string_ostream os(text);
  op->print(os, names);
  text.erase(std::remove(text.begin(), text.end(), '%'), text.end());
  StringRef rest = StringRef(text).split(" = ").second;
  std::string name = list(op->getResults());
  if (!isa<EinsumOp>(op)) {
    rest.consume_front("attn.");
    add(isa<TopKOp>(op) ? "topk" : "join", depth, name + " = " + rest);
    formulas[op] = rest.str();
    return;
  }
  rest.consume_front("attn.einsum ");
  add("einsum", depth, name + rest);
  formulas[op] = rest.split(" = ").second.str();
}

void Lines::visitNest(NestOp nest, unsigned depth) {
  std::string parallel;
  llvm::raw_string_ostream os(parallel);
  llvm::interleaveComma(nest.getParallel().getAsRange<StringAttr>(), os,
                        [&](StringAttr rank) { os << rank.getValue(); });
  Block &body = nest.getBody().front();
  add("kernel", depth,
      list(nest.getResults()) + " = kernel, parallel over " +
          (parallel.empty() ? "nothing" : parallel));
  visit(body, depth + 1);
  add("next", depth + 1,
      "store " + list(cast<YieldOp>(body.getTerminator()).getValues()));
}

void Lines::visitIterate(IterateOp iterate, unsigned depth) {
  Block &body = iterate.getBody().front();
  std::string states;
  for (auto [state, init] : llvm::zip(body.getArguments(), iterate.getInits()))
    states += (states.empty() ? " from " : ", ") + getName(state) + " = " +
              getName(init);
  add("iterate", depth,
      list(iterate.getResults()) + " = iterate " + iterate.getRank() + states);
  visit(body, depth + 1);
  auto yielded = cast<YieldOp>(body.getTerminator()).getValues();
  for (auto [i, value] : llvm::enumerate(yielded)) {
    bool isState = i < iterate.getInits().size();
    add("next", depth + 1,
        isState
            ? "next " + getName(body.getArgument(i)) + " = " + getName(value)
            : "collect " + getName(value) + " in " +
                  getName(iterate.getResult(i)));
  }
}

/// A number as a spec writes it: `-inf`, `0`.
static std::string printInit(Attribute init) {
  SmallString<16> text;
  cast<FloatAttr>(init).getValue().toString(text);
  return llvm::StringRef(text).lower();
}

void Lines::visitStream(StreamOp stream, unsigned depth) {
  Block &step = stream.getStep().front();
  std::string states;
  for (auto [state, init, reducer] :
       llvm::zip(step.getArguments(), stream.getInits(),
                 stream.getReducers().getAsRange<ReduceAttr>()))
    states += (states.empty() ? " from " : ", ") + getName(state) + " = " +
              printInit(init);
  add("stream", depth,
      list(stream.getResults()) + " = stream " + stream.getRank() + states);
  visit(step, depth + 1);
  auto yielded = cast<YieldOp>(step.getTerminator()).getValues();
  for (auto [i, value] : llvm::enumerate(yielded)) {
    bool isState = i < stream.getNumStates();
    add("next", depth + 1,
        isState
            ? "next " + getName(step.getArgument(i)) + " = " + getName(value)
            : "store " + getName(value) + " in " +
                  getName(stream.getResult(i)));
  }
  if (stream.getMerge().empty())
    return;
  Block &merge = stream.getMerge().front();
  unsigned half = merge.getNumArguments() / 2;
  auto arguments = merge.getArguments();
  add("merge", depth,
      "merge of (" + list(arguments.take_front(half)) + ") and (" +
          list(arguments.drop_front(half)) + ")");
  visit(merge, depth + 1);
  add("next", depth + 1,
      "gives " + list(cast<YieldOp>(merge.getTerminator()).getValues()));
}
