//===- Header.cpp - The C header of an object -----------------------------===//

#include "lib/Package/Header.h"
#include "runtime/attnrt.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn;

static std::string getGuard(StringRef fileName) {
  std::string guard = llvm::sys::path::filename(fileName).upper();
  for (char &c : guard)
    if (!llvm::isAlnum(c))
      c = '_';
  return "ATTNC_" + guard;
}

/// Prints `text` as comments of its own lines. `//` and not `/*`: a spec may
/// hold any text.
static void printComment(StringRef text, raw_ostream &os) {
  for (StringRef line : llvm::split(text.trim(), '\n')) {
    os << "///";
    if (!line.empty())
      os << "     " << line;
    // A line must not end in a backslash, which would continue the comment.
    os << (line.ends_with("\\") ? " \n" : "\n");
  }
}

static StringRef getScalarType(Type type) {
  if (type.isF64())
    return "double";
  if (type.isF32())
    return "float";
  return type.isInteger(64) ? "int64_t" : "int32_t";
}

/// Prints "bf16 [b, k, m, e]".
static void printShape(const Interface &interface, const Argument &arg,
                       raw_ostream &os) {
  os << arg.elementType << " [";
  llvm::interleaveComma(
      arg.ranks, os, [&](uint32_t rank) { os << interface.ranks[rank].name; });
  os << "]";
}

static void printField(const Interface &interface, const Argument &arg,
                       raw_ostream &os) {
  switch (arg.kind) {
  case ArgKind::Scalar:
    os << "  " << getScalarType(arg.elementType) << " " << arg.name << ";\n";
    return;
  case ArgKind::Input:
    os << "  const DLTensor *" << arg.name << "; ///< ";
    printShape(interface, arg, os);
    os << "\n";
    return;
  case ArgKind::Output:
    os << "  DLTensor *" << arg.name << "; ///< ";
    printShape(interface, arg, os);
    os << ", or NULL if not wanted\n";
    return;
  }
}

static void printCascade(const Interface &interface, raw_ostream &os) {
  StringRef name = interface.name;
  os << "/// The arguments of " << name << ".\n"
     << "typedef struct {\n"
     << "  uint32_t size; ///< sizeof(" << name << "_args)\n";
  for (const Argument &arg : interface.args)
    printField(interface, arg, os);
  os << "} " << name << "_args;\n\n";

  os << "/// Computes the cascade\n///\n";
  printComment(interface.text, os);
  std::string indent(name.size() + 15, ' ');
  os << "///\n"
     << "/// `call` may be NULL. What is asked of the arguments is in "
        "attnrt.h.\n"
     << "ATTNRT_CHECK_RESULT\n"
     << "attnrt_status " << name << "(attnrt_context *context,\n"
     << indent << "const " << name << "_args *args,\n"
     << indent << "const attnrt_call *call);\n\n";
  indent.append(10, ' ');
  os << "/// Sets `bytes` to what `call->workspace` has to have. Looks at "
        "shapes, types\n"
     << "/// and strides but not at data.\n"
     << "ATTNRT_CHECK_RESULT\n"
     << "attnrt_status " << name << "_workspace(attnrt_context *context,\n"
     << indent << "const " << name << "_args *args,\n"
     << indent << "const attnrt_call *call, size_t *bytes);\n\n";
}

void attn::printHeader(ArrayRef<Interface> interfaces, StringRef fileName,
                       raw_ostream &os) {
  std::string guard = getGuard(fileName);
  os << "// " << llvm::sys::path::filename(fileName) << ": written by attnc "
     << ATTNRT_VERSION_MAJOR << "." << ATTNRT_VERSION_MINOR << "."
     << ATTNRT_VERSION_PATCH << ".\n\n"
     << "#ifndef " << guard << "\n#define " << guard << "\n\n"
     << "#include \"attnrt.h\"\n\n"
     // Until 1.0 a new minor version may change the contract.
     << "#if ATTNRT_VERSION_MAJOR != " << ATTNRT_VERSION_MAJOR
     << " || ATTNRT_VERSION_MINOR != " << ATTNRT_VERSION_MINOR << "\n"
     << "#error \"this kernel was compiled for attnrt " << ATTNRT_VERSION_MAJOR
     << "." << ATTNRT_VERSION_MINOR << "\"\n"
     << "#endif\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (const Interface &interface : interfaces)
    printCascade(interface, os);
  os << "#ifdef __cplusplus\n}\n#endif\n\n#endif // " << guard << "\n";
}
