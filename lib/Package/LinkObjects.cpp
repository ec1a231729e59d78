//===- LinkObjects.cpp - One object, or one with the runtime --------------===//
//
// The system's linker does it, as a program: a kernel refers to attnrt_*,
// memcpy and memset only, so no compiler driver and no start files are needed.
//
//===----------------------------------------------------------------------===//

#include "lib/Package/LinkObjects.h"
#include "lib/Target/TemporaryFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <deque>

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

bool attn::hasLinker() {
  llvm::Expected<std::string> linker = findLinker();
  bool found = bool(linker);
  llvm::consumeError(linker.takeError());
  return found;
}

/// Runs the linker on `objects` and returns the contents of what it makes.
static llvm::Expected<std::string> link(ArrayRef<std::string> objects,
                                        ArrayRef<StringRef> options) {
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();
  std::deque<TemporaryFile> files;
  TemporaryFile &output = files.emplace_back("so");
  TemporaryFile &messages = files.emplace_back("txt");
  for (size_t i = 0; i != objects.size(); ++i)
    files.emplace_back("o");
  for (const TemporaryFile &file : files)
    if (file.error)
      return createStringError(file.error, "can't make a temporary file");
  SmallVector<StringRef> command{*linker, "-o", output.getPath()};
  for (auto [file, object] : llvm::zip(llvm::drop_begin(files, 2), objects)) {
    if (llvm::Error error = file.write(object))
      return std::move(error);
    command.push_back(file.getPath());
  }
  llvm::append_range(command, options);
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

static llvm::Expected<std::string> localizeHidden(StringRef contents) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      {contents, "what the linker made"});
  if (!object)
    return object.takeError();
  llvm::objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  llvm::SmallString<0> localized;
  llvm::raw_svector_ostream os(localized);
  if (llvm::Error error =
          llvm::objcopy::executeObjcopyOnBinary(config, **object, os))
    return std::move(error);
  return localized.str().str();
}

llvm::Expected<std::string> attn::linkObjects(ArrayRef<std::string> objects) {
  if (objects.size() == 1)
    return objects.front();
  llvm::Expected<std::string> linked = link(objects, {"-r"});
  return linked ? localizeHidden(*linked) : std::move(linked);
}

llvm::Expected<std::string>
attn::linkSharedObject(ArrayRef<std::string> objects, StringRef soname,
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
  StringRef options[] = {"-shared",     "-soname",
                         soname,        "-rpath",
                         "$ORIGIN",     "-rpath",
                         folder,        "-z",
                         "relro",       "-z",
                         "now",         "-z",
                         "noexecstack", "--hash-style=gnu",
                         runtime};
  return link(objects, options);
}
