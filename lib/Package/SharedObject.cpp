//===- SharedObject.cpp - Link an object with the runtime -----------------===//
//
// The system's linker does it, as a program: a kernel refers to attnrt_*,
// memcpy and memset only, so no compiler driver and no start files are needed.
//
//===----------------------------------------------------------------------===//

#include "lib/Package/SharedObject.h"
#include "lib/Target/TemporaryFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace attn;
using llvm::createStringError;

static constexpr StringRef linkers[] = {"ld.lld-22", "ld.lld", "ld"};

static llvm::Expected<std::string> findLinker() {
  for (StringRef linker : linkers)
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(linker))
      return *path;
  return createStringError("no linker on the PATH; looked for " +
                           llvm::join(ArrayRef(linkers), ", "));
}

llvm::Expected<std::string> attn::linkSharedObject(StringRef object,
                                                   StringRef soname,
                                                   StringRef runtimeFolder) {
  // Where the shared object looks for it, from whatever folder it is loaded.
  SmallString<128> folder(runtimeFolder);
  if (std::error_code error = llvm::sys::fs::make_absolute(folder))
    return createStringError(error, "can't make " + runtimeFolder +
                                        " an absolute path");
  SmallString<128> runtime(folder);
  llvm::sys::path::append(runtime, "libattnrt.so");
  if (!llvm::sys::fs::exists(runtime))
    return createStringError("the runtime isn't at " + runtime);
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();

  TemporaryFile input("o"), output("so"), messages("txt");
  for (const TemporaryFile *file : {&input, &output, &messages})
    if (file->error)
      return createStringError(file->error, "can't make a temporary file");
  if (llvm::Error error = input.write(object))
    return std::move(error);

  StringRef command[] = {*linker,
                         "-shared",
                         "-o",
                         output.getPath(),
                         "-soname",
                         soname,
                         "-rpath",
                         "$ORIGIN",
                         "-rpath",
                         folder,
                         "-z",
                         "relro",
                         "-z",
                         "now",
                         "-z",
                         "noexecstack",
                         "--hash-style=gnu",
                         input.getPath(),
                         runtime};
  std::optional<StringRef> redirects[] = {StringRef(), messages.getPath(),
                                          messages.getPath()};
  std::string error;
  int result = llvm::sys::ExecuteAndWait(*linker, command, std::nullopt,
                                         redirects, /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &error);
  if (result != 0)
    return createStringError(
        *linker + " failed: " +
        (error.empty() ? StringRef(messages.read()).trim().str() : error));
  return output.read();
}
