//===- JoinPTX.cpp - The text of all kernels ------------------------------===//

#include "lib/Target/NVPTX/Device.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
/// The text of a module that has one kernel.
struct KernelText {
  StringRef header;       ///< version, target and size of addresses
  StringRef declarations; ///< of what is outside
  StringRef function;
};
} // namespace

static llvm::Expected<KernelText> splitPTX(StringRef ptx) {
  static constexpr StringLiteral last = ".address_size 64\n",
                                 entry = "\n.visible .entry ";
  size_t header = ptx.find(last), function = ptx.find(entry);
  if (header == StringRef::npos || function == StringRef::npos ||
      function < header)
    return llvm::createStringError("LLVM's PTX has no '" + last.trim() +
                                   "' before '" + entry.trim() + "'");
  header += last.size();
  return KernelText{ptx.take_front(header), ptx.slice(header, function),
                    ptx.drop_front(function)};
}

llvm::Expected<std::string> nvptx::joinPTX(ArrayRef<DeviceKernel> kernels) {
  std::string joined, functions;
  llvm::StringSet<> declared;
  for (const DeviceKernel &kernel : kernels) {
    llvm::Expected<KernelText> text = splitPTX(kernel.ptx);
    if (!text)
      return text.takeError();
    if (joined.empty())
      joined = text->header;
    for (StringRef line : llvm::split(text->declarations, '\n'))
      if (line.starts_with(".") && declared.insert(line).second)
        joined += "\n" + line.str();
    functions += text->function;
  }
  return joined + "\n" + functions;
}
