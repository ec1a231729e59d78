//===- WriteFile.cpp - Write a file whole or not at all -------------------===//

#include "lib/Target/WriteFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

using namespace attn;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

static llvm::Error makeError(StringRef file, std::error_code error) {
  return llvm::createStringError(
      error, "can't write " + (file == "-" ? "to stdout" : "'" + file + "'") +
                 ": " + error.message());
}

/// Writes to an open file. An error that is left to the stream's end would end
/// the program there.
static std::error_code writeTo(llvm::raw_fd_ostream &os, StringRef contents) {
  os << contents;
  os.flush();
  std::error_code error = os.error();
  os.clear_error();
  return error;
}

static std::error_code writeInPlace(StringRef file, StringRef contents) {
  std::error_code error;
  llvm::raw_fd_ostream os(file, error, fs::CD_OpenAlways, fs::FA_Write,
                          fs::OF_None);
  if (error)
    return error;
  error = writeTo(os, contents);
  os.close();
  std::error_code closed = os.error();
  os.clear_error();
  return error ? error : closed;
}

/// Writes beside `file`, then puts that in its place.
static std::error_code replace(StringRef file, StringRef contents) {
  llvm::Expected<fs::TempFile> temporary =
      fs::TempFile::create(file + ".temp-%%%%%%");
  if (!temporary)
    return llvm::errorToErrorCode(temporary.takeError());
  std::error_code error;
  {
    llvm::raw_fd_ostream os(temporary->FD, /*shouldClose=*/false);
    error = writeTo(os, contents);
  }
  if (!error)
    return llvm::errorToErrorCode(temporary->keep(file));
  consumeError(temporary->discard());
  return error;
}

/// Whether stdout is open on the file that `status` is of.
static bool isStdout(const fs::file_status &status) {
  fs::file_status output;
  return !fs::status(STDOUT_FILENO, output) && fs::equivalent(status, output);
}

llvm::Error attn::writeFile(StringRef file, StringRef contents) {
  fs::file_status status;
  bool exists = file != "-" && !fs::status(file, status);
  bool leadsNowhere = !exists && fs::is_symlink_file(file);
  std::error_code error;
  if (file == "-" || (exists && isStdout(status))) {
    error = writeTo(llvm::outs(), contents);
  } else if (leadsNowhere || (exists && !fs::is_regular_file(status))) {
    error = writeInPlace(file, contents);
  } else {
    llvm::SmallString<128> target(file);
    if (exists)
      error = fs::real_path(file, target);
    if (!error)
      error = replace(target, contents);
  }
  return error ? makeError(file, error) : llvm::Error::success();
}

bool attn::isRegularOrNew(StringRef file) {
  fs::file_status status;
  if (file == "-")
    return false;
  return fs::status(file, status) ||
         (fs::is_regular_file(status) && !isStdout(status));
}
