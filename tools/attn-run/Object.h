//===- Object.h - A compiled object, loaded -------------------------------===//

#ifndef TOOLS_ATTN_RUN_OBJECT_H
#define TOOLS_ATTN_RUN_OBJECT_H

#include "dialect/Attn/Reference/Model.h"
#include "runtime/attnrt_program.h"
#include "tools/attn-run/Options.h"
#include <string>

namespace attn::tool {

/// A folder that lives as long as this.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  std::string path;
};

/// Compiles the spec to a shared object in `folder` and returns its path;
/// throws Failure where attnc can't be found or fails.
std::string compileSpec(const Options &options, const std::string &folder);

/// A shared object and the cascade in it.
class Object {
public:
  /// Loads `path`; throws Failure where it is no compiled cascade.
  Object(const std::string &path, const std::string &cascade);

  using Entry = attnrt_status (*)(attnrt_context *, const void *args,
                                  const attnrt_call *);
  using Workspace = attnrt_status (*)(attnrt_context *, const void *args,
                                      const attnrt_call *, size_t *bytes);

  const attnrt_program *program = nullptr;
  Entry entry = nullptr; // the function that a C program calls
  Workspace workspace = nullptr;
  reference::Cascade cascade;
};

/// True of a file that is ELF, or is named as a shared object is; all others
/// are specs.
bool isSharedObject(const std::string &path);

/// The names of all cascades that a shared object defines, from its symbols.
std::vector<std::string> findCascades(const std::string &path);

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_OBJECT_H
