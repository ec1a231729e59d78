//===- Assemble.cpp - Machine code from PTX -------------------------------===//

#include "lib/Target/NVPTX/Assemble.h"
#include "lib/Target/TemporaryFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

void nvptx::parseReport(StringRef text, Assembly &assembly) {
  static const llvm::Regex compiling("Compiling entry function '([^']*)'"),
      frame("([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, "
            "([0-9]+) bytes spill loads"),
      used("Used ([0-9]+) registers"), numbered("\\(C7[0-9]+\\)");
  auto number = [](StringRef digits) {
    int64_t value = 0;
    digits.getAsInteger(10, value);
    return value;
  };
  for (StringRef line : llvm::split(text, '\n')) {
    SmallVector<StringRef> parts;
    if (numbered.match(line))
      assembly.remarks.push_back(line.trim().str());
    if (compiling.match(line, &parts))
      assembly.kernels.push_back({parts[1].str()});
    if (assembly.kernels.empty())
      continue;
    KernelReport &kernel = assembly.kernels.back();
    if (frame.match(line, &parts)) {
      kernel.stackBytes = number(parts[1]);
      kernel.spillBytes = number(parts[2]) + number(parts[3]);
    } else if (used.match(line, &parts)) {
      kernel.registers = number(parts[1]);
    }
  }
}

llvm::Expected<Assembly> nvptx::assemble(StringRef ptx, StringRef arch,
                                         StringRef ptxas) {
  TemporaryFile input("ptx"), output("cubin"), messages("txt");
  for (const TemporaryFile *file : {&input, &output, &messages})
    if (file->error)
      return llvm::createStringError(file->error,
                                     "can't make a temporary file");
  if (llvm::Error error = input.write(ptx))
    return std::move(error);
  std::string archOption = ("-arch=" + arch).str();
  StringRef command[] = {ptxas,           archOption, "-O3",           "-v",
                         input.getPath(), "-o",       output.getPath()};
  std::optional<StringRef> redirects[] = {StringRef(), messages.getPath(),
                                          messages.getPath()};
  std::string error;
  int result = llvm::sys::ExecuteAndWait(ptxas, command, std::nullopt,
                                         redirects, /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &error);
  std::string text = messages.read();
  if (result != 0)
    return llvm::createStringError(
        ptxas.str() +
        " failed: " + (error.empty() ? StringRef(text).trim().str() : error));
  Assembly assembly;
  parseReport(text, assembly);
  assembly.cubin = output.read();
  return assembly;
}
