//===- Object.cpp - A compiled object, loaded -----------------------------===//

#include "tools/attn-run/Object.h"
#include "dialect/Attn/Reference/Json.h"
#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

namespace attn::tool {

namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// From a spec
//===----------------------------------------------------------------------===//

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  std::string pattern =
      (fs::temp_directory_path(error) / "attn-run-XXXXXX").string();
  if (error || !mkdtemp(pattern.data()))
    throw Failure("cannot make a temporary folder");
  path = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  fs::remove_all(path, error);
}

/// attnc where --attnc says, else beside this program, else in the PATH.
static std::string findCompiler(const Options &options) {
  if (!options.attnc.empty())
    return options.attnc;
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path beside = self.parent_path() / "attnc";
  if (!error && access(beside.c_str(), X_OK) == 0)
    return beside.string();
  return "attnc";
}

std::string compileSpec(const Options &options, const std::string &folder) {
  std::string compiler = findCompiler(options);
  std::string object = folder + "/spec.so";
  std::vector<std::string> words = {compiler, options.file, "--emit=so", "-o",
                                    object};
  words.insert(words.end(), options.compilerFlags.begin(),
               options.compilerFlags.end());
  std::vector<char *> arguments;
  for (std::string &word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = fork();
  if (child < 0)
    throw Failure("cannot start `" + compiler + "`: " + std::strerror(errno));
  if (child == 0) {
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw Failure("cannot run `" + compiler +
                  "` to compile the spec; --attnc=PATH says where it is");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Failure("attnc could not compile `" + options.file + "`");
  return object;
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

namespace {
/// Reads structs out of a file whose offsets are not to be trusted.
class ElfFile {
public:
  explicit ElfFile(const std::string &path) {
    std::ifstream stream(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
  }

  template <typename T> bool read(uint64_t offset, T &value) const {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
      return false;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return true;
  }

  std::string readName(uint64_t offset) const {
    std::string name;
    while (offset < bytes.size() && bytes[offset])
      name += bytes[offset++];
    return name;
  }

private:
  std::vector<char> bytes;
};
} // namespace

bool isSharedObject(const std::string &path) {
  char magic[SELFMAG] = {};
  std::ifstream(path, std::ios::binary).read(magic, SELFMAG);
  return std::memcmp(magic, ELFMAG, SELFMAG) == 0 ||
         fs::path(path).extension() == ".so";
}

/// Calls `visit` with the name and the type of every symbol that `path`
/// defines.
static void
forSymbols(const std::string &path,
           const std::function<void(const std::string &, int)> &visit) {
  ElfFile file(path);
  Elf64_Ehdr header;
  if (!file.read(0, header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64)
    return;
  auto getSection = [&](uint64_t index, Elf64_Shdr &section) {
    return file.read(header.e_shoff + index * sizeof(Elf64_Shdr), section);
  };
  for (unsigned i = 0; i != header.e_shnum; ++i) {
    Elf64_Shdr section, strings;
    if (!getSection(i, section) || section.sh_type != SHT_DYNSYM ||
        !getSection(section.sh_link, strings))
      continue;
    for (uint64_t at = 0; at < section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      if (!file.read(section.sh_offset + at, symbol))
        return;
      if (symbol.st_shndx != SHN_UNDEF)
        visit(file.readName(strings.sh_offset + symbol.st_name),
              ELF64_ST_TYPE(symbol.st_info));
    }
  }
}

std::vector<std::string> findCascades(const std::string &path) {
  static constexpr std::string_view suffix = "_program";
  std::set<std::string> functions;
  std::vector<std::string> programs, names;
  forSymbols(path, [&](const std::string &name, int type) {
    if (type == STT_FUNC)
      functions.insert(name);
    if (type == STT_OBJECT && name.size() > suffix.size() &&
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0)
      programs.push_back(name.substr(0, name.size() - suffix.size()));
  });
  std::copy_if(programs.begin(), programs.end(), std::back_inserter(names),
               [&](const std::string &name) { return functions.count(name); });
  return names;
}

/// The cascade to run.
static std::string chooseCascade(const std::string &path,
                                 const std::string &wanted) {
  std::vector<std::string> names = findCascades(path);
  std::string list;
  for (const std::string &name : names) {
    if (name == wanted)
      return name;
    list += (list.empty() ? "" : ", ") + name;
  }
  if (names.empty())
    throw Failure("`" + path + "` is not a shared object made by attnc");
  if (!wanted.empty())
    throw Failure("`" + path + "` has no cascade `" + wanted + "` but " + list);
  if (names.size() > 1)
    throw Failure("`" + path + "` has several cascades: " + list +
                  "; --cascade=NAME chooses one");
  return names[0];
}

Object::Object(const std::string &path, const std::string &wanted) {
  if (!fs::exists(path))
    throw Failure("cannot open `" + path + "`");
  std::string name = chooseCascade(path, wanted);
  // Never closed: kernels may still be named by a debugger or a profiler.
  void *handle = dlopen(fs::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    throw Failure("cannot load `" + path + "`: " + dlerror());
  program = static_cast<const attnrt_program *>(
      dlsym(handle, (name + "_program").c_str()));
  entry = reinterpret_cast<Entry>(dlsym(handle, name.c_str()));
  workspace =
      reinterpret_cast<Workspace>(dlsym(handle, (name + "_workspace").c_str()));
  if (!program || !entry || !workspace)
    throw Failure("`" + path + "` lacks `" + name + "`, `" + name +
                  "_program` or `" + name + "_workspace`");
  if (program->abi_version != ATTNRT_ABI_VERSION)
    throw Failure("`" + path + "` has descriptor version " +
                  std::to_string(program->abi_version) + " but " +
                  std::to_string(ATTNRT_ABI_VERSION) + " is expected");
  if (!program->cascade_json)
    throw Failure("`" + path + "` does not carry its cascade");
  std::string error;
  std::optional<reference::Cascade> parsed =
      reference::parseJson(program->cascade_json, error);
  if (!parsed)
    throw Failure("the cascade in `" + path + "` can't be read: " + error);
  cascade = std::move(*parsed);
}

} // namespace attn::tool
