//===- JsonFile.h - Files that a user writes as JSON ----------------------===//
//
// Machines and tables of costs are objects in JSON. A mistake in one names the
// file, the place in it and the fact.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MACHINE_JSONFILE_H
#define LIB_MACHINE_JSONFILE_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/JSON.h"

#include <optional>

namespace attn {

llvm::Error makeFileError(const llvm::Twine &message);

llvm::Expected<std::string> readFile(llvm::StringRef file);

/// Parses `text`, which messages call `name`.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef name,
                                            llvm::StringRef text);

/// Reads the members of an object; the first mistake is reported with its
/// place. Every member must be asked for: what is left over nobody knows.
class Members {
public:
  Members(const llvm::json::Value &value, llvm::json::Path path)
      : object(value.getAsObject()), path(path), ok(object) {
    if (!object)
      path.report("expected an object");
  }

  /// Reads a member that must be there.
  template <typename T> void read(llvm::StringRef name, T &to) {
    known.push_back(name);
    if (!ok)
      return;
    const llvm::json::Value *value = object->get(name);
    if (!value)
      return fail(name, "missing");
    ok = fromJSON(*value, to, path.field(name));
  }
  /// Reads a member that may be left out.
  template <typename T> void readIf(llvm::StringRef name, T &to) {
    known.push_back(name);
    if (ok && object->get(name))
      read(name, to);
  }
  template <typename T>
  void readIf(llvm::StringRef name, std::optional<T> &to) {
    known.push_back(name);
    if (ok && object->get(name))
      read(name, to.emplace());
  }
  template <typename T>
  void checkPositive(llvm::StringRef name, const T &value) {
    if (ok && object->get(name) && !(value > 0))
      fail(name, "expected a number above 0");
  }
  void fail(llvm::StringRef name, llvm::StringLiteral message) {
    path.field(name).report(message);
    ok = false;
  }
  bool finish() {
    if (!ok)
      return false;
    for (auto &[name, value] : *object) {
      if (!ok)
        break;
      if (!llvm::is_contained(known, llvm::StringRef(name)))
        fail(name, "unknown member");
    }
    return ok;
  }

private:
  const llvm::json::Object *object;
  llvm::json::Path path;
  llvm::SmallVector<llvm::StringRef, 16> known;
  bool ok;
};

} // namespace attn

#endif // LIB_MACHINE_JSONFILE_H
