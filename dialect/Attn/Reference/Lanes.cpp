//===- Lanes.cpp - Expressions on a block of coordinates ------------------===//

#include "dialect/Attn/Reference/Lanes.h"
#include <cassert>
#include <cmath>
#include <limits>

namespace attn::reference {

void Register::allocate() {
  size_t lanes = isUniform ? 1 : maxLanes;
  if (isInteger)
    integers.assign(lanes, 0);
  else
    numbers.assign(lanes, 0.0);
  if (!isExact)
    errors.assign(lanes, 0.0);
}

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();

/// The lanes of an operand: data, and whether there is one for all.
template <typename T> struct Operand {
  const T *data;
  bool isUniform;
};

template <typename T> Operand<T> getOperand(const Register &reg) {
  if constexpr (std::is_same_v<T, double>)
    return {reg.numbers.data(), reg.isUniform};
  else
    return {reg.integers.data(), reg.isUniform};
}

template <typename T> T *getResult(Register &reg) {
  if constexpr (std::is_same_v<T, double>)
    return reg.numbers.data();
  else
    return reg.integers.data();
}

template <typename A, typename R, typename F>
void mapLanes(Operand<A> a, R *result, int count, F function) {
  if (a.isUniform) {
    R value = function(*a.data);
    for (int i = 0; i != count; ++i)
      result[i] = value;
    return;
  }
  for (int i = 0; i != count; ++i)
    result[i] = function(a.data[i]);
}

template <typename A, typename R, typename F>
void mapLanes(Operand<A> a, Operand<A> b, R *result, int count, F function) {
  if (a.isUniform) {
    A first = *a.data;
    mapLanes(b, result, count,
             [=](A second) { return function(first, second); });
    return;
  }
  if (b.isUniform) {
    A second = *b.data;
    mapLanes(a, result, count,
             [=](A first) { return function(first, second); });
    return;
  }
  for (int i = 0; i != count; ++i)
    result[i] = function(a.data[i], b.data[i]);
}

double divide(double a, double b) { return a == 0 && b == 0 ? 0.0 : a / b; }

double minimum(double a, double b) {
  if (a != a || b != b)
    return a + b;
  return b < a ? b : a;
}

double maximum(double a, double b) {
  if (a != a || b != b)
    return a + b;
  return a < b ? b : a;
}

double getSign(double a) { return a != a ? a : (a > 0) - (a < 0); }

int64_t floorDiv(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  if (b == -1) // the one quotient that overflows
    return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t truncDiv(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  return b == -1 ? floorDiv(a, b) : a / b;
}

int64_t ceilDiv(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  return floorDiv(a, b) + (b != -1 && a % b != 0);
}

int64_t floorMod(int64_t a, int64_t b) {
  if (b == 0 || b == -1)
    return 0;
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/// One instruction with the registers it names.
class Executor {
public:
  Executor(const Instruction &instruction, std::vector<Register> &registers,
           int count)
      : instruction(instruction), registers(registers),
        result(registers[instruction.result]),
        count(result.isUniform ? 1 : count) {}

  void run() {
    switch (instruction.op) {
    case Op::Select:
      return select();
    case Op::Cast:
      return cast();
    case Op::Eq:
    case Op::Ne:
    case Op::Lt:
    case Op::Le:
    case Op::Gt:
    case Op::Ge:
      return arg(0).isInteger ? compare<int64_t>() : compare<double>();
    default:
      return result.isInteger ? runIntegers() : runFloats();
    }
  }

private:
  Register &arg(unsigned i) { return registers[instruction.args[i]]; }

  template <typename T, typename F> void unary(F function) {
    mapLanes(getOperand<T>(arg(0)), getResult<T>(result), count, function);
  }

  template <typename T, typename F> void binary(F function) {
    mapLanes(getOperand<T>(arg(0)), getOperand<T>(arg(1)), getResult<T>(result),
             count, function);
  }

  /// Integer arithmetic in 64 bits without undefined overflow, then wrapped.
  template <typename F> void wrapping(F function) {
    ElementType type = instruction.type;
    binary<int64_t>([=](int64_t a, int64_t b) {
      return wrapTo(type,
                    static_cast<int64_t>(function(static_cast<uint64_t>(a),
                                                  static_cast<uint64_t>(b))));
    });
  }

  template <typename T> void compare();
  void select();
  void cast();
  void runFloats();
  void runIntegers();

  const Instruction &instruction;
  std::vector<Register> &registers;
  Register &result;
  int count;
};
} // namespace

template <typename T> void Executor::compare() {
  auto relate = [&](auto function) {
    mapLanes(getOperand<T>(arg(0)), getOperand<T>(arg(1)),
             result.integers.data(), count,
             [=](T a, T b) -> int64_t { return function(a, b); });
  };
  switch (instruction.op) {
  case Op::Eq:
    return relate([](T a, T b) { return a == b; });
  case Op::Ne:
    return relate([](T a, T b) { return a != b; });
  case Op::Lt:
    return relate([](T a, T b) { return a < b; });
  case Op::Le:
    return relate([](T a, T b) { return a <= b; });
  case Op::Gt:
    return relate([](T a, T b) { return a > b; });
  default:
    return relate([](T a, T b) { return a >= b; });
  }
}

void Executor::select() {
  const Register &condition = arg(0);
  for (int i = 0; i != count; ++i) {
    Register &chosen =
        condition.integers[condition.isUniform ? 0 : i] ? arg(1) : arg(2);
    int at = chosen.isUniform ? 0 : i;
    if (result.isInteger)
      result.integers[i] = chosen.integers[at];
    else
      result.numbers[i] = chosen.numbers[at];
  }
}

void Executor::cast() {
  ElementType type = instruction.type;
  auto round = [=](double a) { return roundTo(type, a); };
  if (arg(0).isInteger && result.isInteger && type == ElementType::I1)
    unary<int64_t>([](int64_t a) -> int64_t { return a != 0; });
  else if (arg(0).isInteger && result.isInteger)
    unary<int64_t>([=](int64_t a) { return wrapTo(type, a); });
  else if (arg(0).isInteger)
    mapLanes(getOperand<int64_t>(arg(0)), result.numbers.data(), count,
             [=](int64_t a) { return round(static_cast<double>(a)); });
  else if (result.isInteger)
    mapLanes(getOperand<double>(arg(0)), result.integers.data(), count,
             [=](double a) { return toInteger(roundTo(type, a)); });
  else
    unary<double>(round);
}

void Executor::runFloats() {
  using F = double;
  switch (instruction.op) {
  case Op::Neg:
    return unary<F>([](F a) { return -a; });
  case Op::Add:
    return binary<F>([](F a, F b) { return a + b; });
  case Op::Sub:
    if (instruction.differenceOfExponents) // S6
      return binary<F>(
          [](F a, F b) { return a == -inf && b == -inf ? -inf : a - b; });
    return binary<F>([](F a, F b) { return a - b; });
  case Op::Mul:
    return binary<F>([](F a, F b) { return a * b; });
  case Op::Div: // S5
    return binary<F>(divide);
  case Op::FloorDiv:
    return binary<F>([](F a, F b) { return std::floor(divide(a, b)); });
  case Op::CeilDiv:
    return binary<F>([](F a, F b) { return std::ceil(divide(a, b)); });
  case Op::Mod:
    return binary<F>([](F a, F b) { return a - std::floor(divide(a, b)) * b; });
  case Op::Pow:
    return binary<F>([](F a, F b) { return std::pow(a, b); });
  case Op::Min:
    return binary<F>(minimum);
  case Op::Max:
    return binary<F>(maximum);
  case Op::Exp:
    return unary<F>([](F a) { return std::exp(a); });
  case Op::Exp2:
    return unary<F>([](F a) { return std::exp2(a); });
  case Op::Log:
    return unary<F>([](F a) { return std::log(a); });
  case Op::Log2:
    return unary<F>([](F a) { return std::log2(a); });
  case Op::Tanh:
    return unary<F>([](F a) { return std::tanh(a); });
  case Op::Sigmoid:
    return unary<F>([](F a) { return 1 / (1 + std::exp(-a)); });
  case Op::Erf:
    return unary<F>([](F a) { return std::erf(a); });
  case Op::Sqrt:
    return unary<F>([](F a) { return std::sqrt(a); });
  case Op::Rsqrt:
    return unary<F>([](F a) { return 1 / std::sqrt(a); });
  case Op::Sin:
    return unary<F>([](F a) { return std::sin(a); });
  case Op::Cos:
    return unary<F>([](F a) { return std::cos(a); });
  case Op::Abs:
    return unary<F>([](F a) { return std::fabs(a); });
  case Op::Floor:
    return unary<F>([](F a) { return std::floor(a); });
  case Op::Ceil:
    return unary<F>([](F a) { return std::ceil(a); });
  case Op::Round:
    return unary<F>([](F a) { return std::nearbyint(a); });
  case Op::Sign:
    return unary<F>(getSign);
  default:
    assert(false && "not an operator on floats");
  }
}

void Executor::runIntegers() {
  using I = int64_t;
  using U = uint64_t;
  switch (instruction.op) {
  case Op::Neg:
    return unary<I>([type = instruction.type](I a) {
      return wrapTo(type, static_cast<I>(0 - static_cast<U>(a)));
    });
  case Op::Add:
    return wrapping([](U a, U b) { return a + b; });
  case Op::Sub:
    return wrapping([](U a, U b) { return a - b; });
  case Op::Mul:
    return wrapping([](U a, U b) { return a * b; });
  case Op::Div:
    return binary<I>(truncDiv);
  case Op::FloorDiv:
    return binary<I>(floorDiv);
  case Op::CeilDiv:
    return binary<I>(ceilDiv);
  case Op::Mod:
    return binary<I>(floorMod);
  case Op::Min:
    return binary<I>([](I a, I b) { return b < a ? b : a; });
  case Op::Max:
    return binary<I>([](I a, I b) { return a < b ? b : a; });
  case Op::Abs:
    return unary<I>(
        [](I a) { return a < 0 ? static_cast<I>(0 - static_cast<U>(a)) : a; });
  case Op::Sign:
    return unary<I>([](I a) -> I { return (a > 0) - (a < 0); });
  case Op::Floor:
  case Op::Ceil:
  case Op::Round:
    return unary<I>([](I a) { return a; });
  case Op::And:
    return binary<I>([](I a, I b) -> I { return a && b; });
  case Op::Or:
    return binary<I>([](I a, I b) -> I { return a || b; });
  case Op::Not:
    return unary<I>([](I a) -> I { return !a; });
  default:
    assert(false && "not an operator on integers");
  }
}

void execute(const Instruction &instruction, std::vector<Register> &registers,
             int count) {
  Executor(instruction, registers, count).run();
}

} // namespace attn::reference
