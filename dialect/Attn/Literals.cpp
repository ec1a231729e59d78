//===- Literals.cpp - Words and numbers of the language -------------------===//

#include "dialect/Attn/Literals.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace mlir;
using namespace attn;

bool attn::isIdentifier(StringRef text) {
  return !text.empty() && !llvm::isDigit(text.front()) &&
         llvm::all_of(text,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

bool attn::isReservedWord(StringRef text) {
  static const llvm::StringSet<> words = {
      "and",     "or",    "not",   "mod",    "ne",     "floordiv",
      "ceildiv", "where", "true",  "let",    "in",     "inf",
      "nan",     "cast",  "false", "reduce", "select", "extent"};
  return words.contains(text);
}

bool attn::isCName(StringRef text) {
  // The keywords of C and C++, then what a header uses.
  constexpr llvm::StringLiteral taken =
      " alignas alignof and and_eq asm auto bitand bitor bool break case"
      " catch char char8_t char16_t char32_t class co_await co_return"
      " co_yield compl concept const const_cast consteval constexpr"
      " constinit continue decltype default delete do double dynamic_cast"
      " else enum explicit export extern false float for friend goto if"
      " inline int long mutable namespace new noexcept not not_eq nullptr"
      " operator or or_eq private protected public register"
      " reinterpret_cast requires restrict return short signed sizeof"
      " static static_assert static_cast struct switch template this"
      " thread_local throw true try typedef typeid typename typeof union"
      " unsigned using virtual void volatile wchar_t while xor xor_eq NULL"
      " DLTensor int32_t int64_t size_t uint32_t ";
  // Names that the languages keep to themselves.
  bool isReserved =
      text.starts_with("__") ||
      (text.starts_with("_") && text.size() > 1 && llvm::isUpper(text[1]));
  return isIdentifier(text) && !isReserved &&
         !taken.contains((" " + text + " ").str());
}

StringRef attn::getComparison(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return "==";
  case P::ne:
    return "ne";
  case P::slt:
  case P::ult:
    return "<";
  case P::sle:
  case P::ule:
    return "<=";
  case P::sgt:
  case P::ugt:
    return ">";
  case P::sge:
  case P::uge:
    return ">=";
  }
  llvm_unreachable("unknown predicate");
}

StringRef attn::getComparison(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::OEQ:
    return "==";
  case P::UNE:
    return "ne";
  case P::OLT:
    return "<";
  case P::OLE:
    return "<=";
  case P::OGT:
    return ">";
  default:
    return ">=";
  }
}

std::string attn::getLiteral(TypedAttr attr) {
  if (auto integer = dyn_cast<IntegerAttr>(attr))
    return llvm::toString(integer.getValue(), 10, /*Signed=*/true);
  APFloat value = cast<FloatAttr>(attr).getValue();
  if (value.isNaN())
    return "nan";
  if (value.isInfinity())
    return value.isNegative() ? "-inf" : "inf";
  // Whole numbers without an exponent, as people write them.
  constexpr double maxWhole = 1e9;
  double number = value.convertToDouble();
  if (value.isInteger() && std::abs(number) < maxWhole && !value.isNegZero())
    return std::to_string(int64_t(number)) + ".0";
  llvm::SmallString<32> text;
  for (unsigned precision = 1; precision <= 17; ++precision) {
    text.clear();
    value.toString(text, precision, /*FormatMaxPadding=*/6);
    // Literals are read as doubles first.
    APFloat read(APFloat::IEEEdouble(), text);
    bool losesInfo;
    read.convert(value.getSemantics(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
    if (read.bitwiseIsEqual(value))
      break;
  }
  if (!StringRef(text).contains('.'))
    text += ".0";
  return text.str().lower();
}

std::string attn::dropPoint(std::string literal) {
  constexpr size_t maxDigits = 15; // what a double holds exactly
  StringRef digits = literal;
  if (digits.consume_back(".0") && digits.size() <= maxDigits)
    return digits.str();
  return literal;
}
