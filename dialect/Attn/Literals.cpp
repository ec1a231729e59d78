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
  static const llvm::StringSet<> keywords = {
      "auto",     "break",    "case",     "char",      "const",    "continue",
      "default",  "do",       "double",   "else",      "enum",     "extern",
      "float",    "for",      "goto",     "if",        "inline",   "int",
      "long",     "register", "restrict", "return",    "short",    "signed",
      "sizeof",   "static",   "struct",   "switch",    "typedef",  "union",
      "unsigned", "void",     "volatile", "while",     "bool",     "class",
      "delete",   "explicit", "export",   "friend",    "mutable",  "namespace",
      "new",      "operator", "private",  "protected", "public",   "template",
      "this",     "throw",    "try",      "catch",     "typename", "using",
      "virtual",  "asm"};
  return isIdentifier(text) && !keywords.contains(text);
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
