//===- EmitChunks.cpp - The Einsums of a chunk of steps -------------------===//

#include "lib/Cascade/ChunkFormer.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static Expr multiply(ExprContext &context, ArrayRef<Expr> factors) {
  SmallVector<Expr> present{context.constant(1)};
  for (Expr factor : factors)
    if (factor)
      present.push_back(factor);
  return context.mul(present);
}

/// i >= j, or i > j.
Expr ChunkFormer::makeRange(bool isBefore) {
  return context.compare(isBefore ? ExprKind::Less : ExprKind::LessEqual,
                         var(vars.j), var(vars.i));
}

/// The product as one access: an Einsum of its own where it is more than that.
Expr ChunkFormer::emitProduct(StringRef name, ArrayRef<Expr> factors) {
  Expr product = multiply(context, factors);
  Expr rest = splitCoefficient(product).second;
  bool isPlain = rest.is(ExprKind::Leaf) || rest.is(ExprKind::Constant);
  return isPlain ? product : emitter->emit(name, product);
}

static bool mentionsAny(StepLeaves &leaves, Expr expr,
                        ArrayRef<StringAttr> names) {
  return llvm::any_of(
      names, [&](StringAttr name) { return leaves.mentions(expr, name); });
}

/// How much of what `source` adds at step j `reader` sees at step i. What is
/// summed with the state is summed here, for all pairs of steps.
ChunkFormer::Kernel ChunkFormer::makeKernel(StringRef name,
                                            const Reader &reader, Expr source,
                                            State &state) {
  Renaming at = reader.at;
  at[vars.step] = vars.stepJ;
  Expr added = leaves->rename(source, at);
  Expr between =
      state.decay->isIdentity()
          ? context.constant(1)
          : leaves->rename(state.decay->getBetween(reader.isBefore), reader.at);
  Expr filter = makeRange(reader.isBefore);
  if (!isAbsentPast(*leaves, added, vars.stepJ, vars.step))
    filter = context.logicalAnd(
        {filter, makeInside(*leaves, vars.stepJ, vars.step)});
  auto hasBoth = [&](Expr expr) {
    SmallVector<StringAttr> names = emitter->getVars(expr);
    return llvm::is_contained(names, vars.i) &&
           llvm::is_contained(names, vars.j);
  };

  SmallVector<Expr> inner, others;
  for (Expr factor :
       getFactors(multiply(context, {reader.coefficient, added, between})))
    (mentionsAny(*leaves, factor, reader.contracted) ? inner : others)
        .push_back(factor);
  if (!inner.empty())
    for (Expr factor : llvm::to_vector(others))
      if (factor.is(ExprKind::Constant)) {
        inner.push_back(factor);
        llvm::erase(others, factor);
      }
  Expr kernel;
  if (!reader.contracted.empty()) {
    Expr product = multiply(context, inner);
    StepEmitter::Shape shape;
    shape.reduced = reader.contracted;
    if (hasBoth(product))
      shape.filter = filter;
    kernel = emitter->emit(name, product, shape);
  }
  // What varies along no more than the kernel does joins it; the rest, such as
  // the values, meets it in the sum over j.
  SmallVector<StringAttr> allowed = emitter->getVars(
      kernel ? kernel : multiply(context, {reader.coefficient, between}));
  allowed.append({vars.outer, vars.i, vars.j});
  SmallVector<Expr> scalars, rest;
  for (Expr factor : others) {
    bool isScalar =
        llvm::all_of(emitter->getVars(factor), [&](StringAttr name) {
          return llvm::is_contained(allowed, name);
        });
    (isScalar ? scalars : rest).push_back(factor);
  }
  Expr scale = multiply(context, scalars);
  if (!scale.isConstant(1)) {
    StepEmitter::Shape shape;
    Expr product = multiply(context, {kernel, scale});
    if (hasBoth(product))
      shape.filter = filter;
    kernel =
        emitter->emit(kernel ? (name + "D").str() : name.str(), product, shape);
  }
  bool isFiltered = kernel && hasBoth(kernel);
  return {kernel, multiply(context, rest), isFiltered ? Expr() : filter};
}

/// The sum over j of a kernel times what it meets.
Expr ChunkFormer::emitSum(StringRef name, const Kernel &kernel, Expr other) {
  StepEmitter::Shape shape;
  shape.reduced = {vars.j};
  shape.filter = kernel.filter;
  shape.more = {vars.i};
  return emitter->emit(
      name, multiply(context, {kernel.kernel, kernel.rest, other}), shape);
}

/// What `reader` sees of the state before the chunk, as a factor that is summed
/// with the state, and one that is not.
std::pair<Expr, Expr> ChunkFormer::splitReading(const Reader &reader,
                                                State &state) {
  Expr since =
      state.decay->isIdentity()
          ? context.constant(1)
          : leaves->rename(state.decay->getSince(reader.isBefore), reader.at);
  SmallVector<Expr> inner, outer;
  for (Expr factor : getFactors(reader.coefficient * since))
    (mentionsAny(*leaves, factor, reader.contracted) ? inner : outer)
        .push_back(factor);
  return {emitProduct("q", inner), emitProduct("p", outer)};
}

//===----------------------------------------------------------------------===//
// The triangular system
//===----------------------------------------------------------------------===//

/// (I - N)^-1, row by row: X[i] = I[i] + sum over j < i of N[i, j] X[j]. The
/// blocks of N are what the products of the transition see of one another; the
/// inverse's have rows j and columns l.
std::vector<SmallVector<Expr>>
ChunkFormer::invert(const std::vector<SmallVector<Expr>> &system) {
  unsigned size = system.size();
  Expr all = context.constant(1);
  for (const auto &row : system)
    all = all * multiply(context, row);
  SmallVector<StringAttr> names = emitter->getVars(all);
  llvm::erase(names, vars.i);
  if (!llvm::is_contained(names, vars.j))
    names = emitter->insertRank(names, vars.j);
  names = emitter->insertRank(names, vars.l);
  StepEmitter::Shape shape, rowShape;
  for (StringAttr name : names)
    shape.groups.push_back({name});
  rowShape.reduced = {vars.j};

  Value start = emitter->emitTensor("zero", context.constant(0), shape);
  SmallVector<Value> inits(size * size, start);
  SmallVector<std::string> stateNames;
  for (unsigned k = 0; k < size * size; ++k)
    stateNames.push_back(size == 1 ? "x" : "x" + std::to_string(k));
  Expr isRow = context.compare(ExprKind::Equal, var(vars.j), var(vars.i));
  Expr isDiagonal = context.compare(ExprKind::Equal, var(vars.l), var(vars.i));
  Expr zero = context.constant(0), one = context.constant(1);
  ValueRange results =
      emitter->emitIterate(vars.i, inits, stateNames, [&](ValueRange olds) {
        StepEmitter::Body body;
        auto old = [&](unsigned row, unsigned column) {
          return leaves->read(olds[row * size + column], shape.groups);
        };
        for (unsigned row = 0; row < size; ++row)
          for (unsigned column = 0; column < size; ++column) {
            Expr sum = zero;
            for (unsigned k = 0; k < size; ++k)
              sum = sum + system[row][k] * old(k, column);
            Expr known = emitter->emit("r", sum, rowShape);
            Expr unit =
                row == column ? context.select(isDiagonal, one, zero) : zero;
            body.states.push_back(emitter->emitTensor(
                "X", context.select(isRow, known + unit, old(row, column)),
                shape));
            body.names.push_back(emitter->builder.getStringAttr("X"));
          }
        return body;
      });
  std::vector<SmallVector<Expr>> inverse(size);
  for (unsigned row = 0; row < size; ++row)
    for (unsigned column = 0; column < size; ++column)
      inverse[row].push_back(
          leaves->read(results[row * size + column], shape.groups));
  return inverse;
}

void ChunkFormer::prepareSolve(State &state) {
  const Transition &transition = state.transition;
  unsigned size = transition.products.size();
  std::vector<Reader> readers;
  Renaming own;
  for (const auto &group : transition.groups)
    for (StringAttr name : group)
      own[name] = name;
  Renaming names{{vars.step, vars.stepI}};
  SmallVector<StringAttr> mixed;
  for (auto &[name, inner] : transition.mixed) {
    names[inner] = name;
    mixed.push_back(name);
  }
  for (const Transition::Product &product : transition.products)
    readers.push_back(
        {leaves->rename(product.y, names), own, mixed, /*isBefore=*/true});

  std::vector<SmallVector<Expr>> system(size);
  SmallVector<Expr> seen(size), added(size);
  // The system's solution is read at j: its right-hand side stands at l.
  Renaming toL{{vars.i, vars.l}, {vars.stepI, vars.stepL}};
  for (auto [row, reader] : llvm::enumerate(readers)) {
    for (const Transition::Product &product : transition.products) {
      Kernel kernel = makeKernel("N", reader, product.x, state);
      Expr entry = multiply(context, {kernel.kernel, kernel.rest});
      if (kernel.filter || !kernel.rest.isConstant(1)) {
        StepEmitter::Shape shape;
        shape.filter = kernel.filter;
        shape.more = {vars.i, vars.j};
        entry = emitter->emit("N", entry, shape);
      }
      system[row].push_back(entry);
    }
    auto [inner, outer] = splitReading(reader, state);
    seen[row] = leaves->rename(emitProduct("y", {inner, outer}), toL);
    for (Expr input : transition.inputs) {
      Expr sum = emitSum("u", makeKernel("B", reader, input, state), Expr());
      added[row] = added[row] ? added[row] + sum : sum;
    }
    if (added[row])
      added[row] = leaves->rename(added[row], toL);
    if (Expr absorbed = state.absorbed[row]) {
      Expr here = leaves->rename(absorbed, {{vars.step, vars.stepL}});
      added[row] = added[row] ? added[row] + here : here;
    }
  }
  std::vector<SmallVector<Expr>> inverse = invert(system);
  StepEmitter::Shape shape;
  shape.reduced = {vars.l};
  shape.more = {vars.j};
  for (unsigned row = 0; row < size; ++row) {
    Expr weight = context.constant(0), constant = context.constant(0);
    for (unsigned k = 0; k < size; ++k) {
      weight = weight + inverse[row][k] * seen[k];
      if (added[k])
        constant = constant + inverse[row][k] * added[k];
    }
    state.solve.weights.push_back(emitter->emit("W", weight, shape));
    state.solve.constants.push_back(
        constant.isConstant(0) ? Expr() : emitter->emit("U", constant, shape));
  }
}

//===----------------------------------------------------------------------===//
// What is made before the iteration over chunks
//===----------------------------------------------------------------------===//

/// What `source`, at the state's own variables, adds to the state until the end
/// of the chunk: a matrix product over j, of two operands if it can be.
ChunkFormer::Update ChunkFormer::prepareUpdate(Expr source, State &state) {
  Expr added = leaves->rename(source, {{vars.step, vars.stepJ}});
  Expr until =
      state.decay->isIdentity() ? context.constant(1) : state.decay->getUntil();
  // What varies along no more than what is contracted does joins it.
  SmallVector<Expr> left, right;
  RankSet ranks;
  for (Expr factor : getFactors(added * until))
    if (mentionsAny(*leaves, factor, state.contracted))
      ranks |= factor.ranks();
  ranks.set(context.getRank(vars.outer.getValue()));
  ranks.set(context.getRank(vars.j.getValue()));
  ranks.set(context.getRank(vars.stepJ.getValue()));
  for (Expr factor : getFactors(added * until)) {
    bool isLeft = (factor.ranks() & ~ranks).none();
    (isLeft ? left : right).push_back(factor);
  }
  Update update{emitProduct("k", left), emitProduct("v", right), Expr()};
  if (!isAbsentPast(*leaves, added, vars.stepJ, vars.step))
    update.filter = makeInside(*leaves, vars.stepJ, vars.step);
  return update;
}

/// Takes inputs that have a product's x as a factor into that product. What is
/// the same for all coordinates that are mixed may move from x to y for that.
void ChunkFormer::absorbInputs(State &state) {
  Transition &transition = state.transition;
  state.absorbed.resize(transition.products.size());
  SmallVector<StringAttr> mixed;
  for (auto &[own, inner] : transition.mixed)
    mixed.push_back(own);
  for (auto [product, absorbed] :
       llvm::zip(transition.products, state.absorbed)) {
    for (Expr input : llvm::to_vector(transition.inputs)) {
      SmallVector<Expr> rest = getFactors(input);
      auto [coefficient, x] = splitCoefficient(product.x);
      SmallVector<Expr> moved{context.constant(1)};
      bool fits = true;
      for (Expr factor : getFactors(x)) {
        auto *found = llvm::find(rest, factor);
        if (found != rest.end())
          rest.erase(found);
        else if (absorbed || mentionsAny(*leaves, factor, mixed))
          fits = false;
        else
          moved.push_back(factor);
      }
      Expr other = multiply(context, rest) * (1 / coefficient);
      if (!fits || mentionsAny(*leaves, other, mixed))
        continue;
      Expr scale = context.mul(moved);
      product.x = context.quotient(product.x, scale);
      product.y = product.y * scale;
      absorbed = absorbed ? absorbed + other : other;
      llvm::erase(transition.inputs, input);
    }
  }
}

void ChunkFormer::prepareState(State &state) {
  absorbInputs(state);
  state.decay = std::make_unique<ChunkDecay>(state.transition.diagonal, vars,
                                             *leaves, *emitter);
  if (!state.transition.products.empty())
    prepareSolve(state);
  for (Expr input : state.transition.inputs)
    state.inputs.push_back(prepareUpdate(input, state));
  for (const Transition::Product &product : state.transition.products)
    state.products.push_back(prepareUpdate(product.x, state));
  state.whole = state.decay->isIdentity()
                    ? context.constant(1)
                    : emitProduct("d", state.decay->getWhole());
}

void ChunkFormer::prepareReadout(Value tensor, const StepForm &form) {
  Readout readout;
  readout.tensor = tensor;
  readout.form = &form;
  for (const StepTerm &term : form.terms) {
    if (!term.ref) {
      readout.terms.push_back(atStep(term.coefficient, vars.stepI));
      continue;
    }
    State &state = states[term.ref->state];
    Reading reading;
    reading.state = term.ref->state;
    makeReader(form, term, reading.reader);
    const Reader &reader = reading.reader;
    std::tie(reading.inner, reading.outer) = splitReading(reader, state);
    for (Expr input : state.transition.inputs)
      readout.terms.push_back(
          emitSum("OV", makeKernel("A", reader, input, state), Expr()));
    for (const Transition::Product &product : state.transition.products)
      reading.kernels.push_back(makeKernel("AX", reader, product.x, state));
    readout.readings.push_back(std::move(reading));
  }
  readouts.push_back(std::move(readout));
}

//===----------------------------------------------------------------------===//
// The iteration over chunks
//===----------------------------------------------------------------------===//

/// The vectors z of a state at every step j of the chunk.
SmallVector<Expr> ChunkFormer::emitSolution(const State &state, Expr old) {
  SmallVector<Expr> z;
  StepEmitter::Shape shape;
  for (auto &[own, inner] : state.transition.mixed)
    shape.reduced.push_back(own);
  for (auto [weight, constant] :
       llvm::zip(state.solve.weights, state.solve.constants)) {
    Expr seen = emitter->emit("zs", weight * old, shape);
    z.push_back(constant ? emitter->emit("z", seen + constant) : seen);
  }
  return z;
}

/// The state after the chunk.
Value ChunkFormer::emitState(unsigned index, Expr old, ArrayRef<Expr> z) {
  const State &state = states[index];
  Expr sum = state.whole * old;
  auto add = [&](StringRef name, const Update &update, Expr other) {
    StepEmitter::Shape shape;
    shape.reduced = {vars.j};
    shape.filter = update.filter;
    sum = sum + emitter->emit(
                    name, multiply(context, {update.left, update.right, other}),
                    shape);
  };
  for (const Update &update : state.inputs)
    add("KV", update, Expr());
  for (auto [update, vector] : llvm::zip(state.products, z))
    add("XZ", update, vector);
  StepEmitter::Shape shape;
  shape.groups = state.transition.groups;
  return emitter->emitTensor(forms->getStateName(index), sum, shape);
}

Value ChunkFormer::emitReadout(const Readout &readout, ArrayRef<Expr> olds,
                               ArrayRef<SmallVector<Expr>> z) {
  Expr sum = context.constant(0);
  for (const Reading &reading : readout.readings) {
    const Reader &reader = reading.reader;
    Expr seen = reading.inner * leaves->rename(olds[reading.state], reader.at);
    if (!reader.contracted.empty()) {
      StepEmitter::Shape shape;
      shape.reduced = reader.contracted;
      seen = emitter->emit("OS", seen, shape);
    }
    sum = sum + reading.outer * seen;
    for (auto [kernel, vector] : llvm::zip(reading.kernels, z[reading.state]))
      sum = sum + emitSum("OZ", kernel, leaves->rename(vector, reader.at));
  }
  for (Expr term : readout.terms)
    sum = sum + term;
  StepEmitter::Shape shape;
  shape.more = {vars.i};
  for (const auto &group : readout.form->groups)
    shape.more.append(group.begin(), group.end());
  return emitter->emitTensor(getSourceName(readout.tensor), sum, shape);
}

void ChunkFormer::emitChunks() {
  SmallVector<std::string> stateNames;
  for (unsigned i = 0; i < states.size(); ++i)
    stateNames.push_back(forms->getStateName(i).str());
  ValueRange results = emitter->emitIterate(
      vars.outer, iterate.getInits(), stateNames, [&](ValueRange values) {
        StepEmitter::Body body;
        auto name = [&](Value value) {
          body.names.push_back(
              emitter->builder.getStringAttr(getSourceName(value)));
        };
        SmallVector<Expr> olds;
        std::vector<SmallVector<Expr>> z;
        for (auto [state, value] : llvm::zip(states, values)) {
          olds.push_back(leaves->read(value, state.transition.groups));
          z.push_back(emitSolution(state, olds.back()));
        }
        for (const Readout &readout : readouts)
          body.collected.push_back(emitReadout(readout, olds, z));
        for (unsigned i = 0; i < states.size(); ++i) {
          body.states.push_back(emitState(i, olds[i], z[i]));
          name(original.getResult(i));
        }
        for (const Readout &readout : readouts)
          name(readout.tensor);
        return body;
      });
  llvm::append_range(finals, results.take_front(states.size()));

  // Steps again: the chunk of a step and its place there.
  emitter->setChunk(vars.outer, vars.i, vars.step, chunk);
  for (auto [readout, whole] :
       llvm::zip(readouts, results.drop_front(states.size()))) {
    Groups groups;
    for (StringAttr rank : cast<attn::TensorType>(whole.getType()).getRanks())
      groups.push_back({rank});
    auto type = cast<attn::TensorType>(readout.tensor.getType());
    SmallVector<StringAttr> ranks =
        emitter->insertRank(type.getRanks(), vars.step);
    StepEmitter::Shape shape;
    shape.groups = readout.form->groups;
    shape.groups.insert(shape.groups.begin() +
                            (llvm::find(ranks, vars.step) - ranks.begin()),
                        {vars.step});
    forms->setWhole(readout.tensor,
                    emitter->emitTensor(getSourceName(readout.tensor),
                                        leaves->read(whole, groups), shape));
  }
}
