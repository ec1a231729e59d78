//===- CudaDriver.cpp - The CUDA driver, opened at run time ---------------===//

#include "runtime/CudaDriver.h"

#include <dlfcn.h>

using namespace attn::rt;

static constexpr const char *kLibrary = "libcuda.so.1";

std::string CudaDriver::open() {
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return std::string("there is no CUDA driver: ") + dlerror();
  std::string missing;
  auto find = [&](const char *symbol) {
    void *address = dlsym(library, symbol);
    if (!address)
      missing += (missing.empty() ? "" : ", ") + std::string(symbol);
    return address;
  };
#define ATTNRT_FIND(member, symbol, ...)                                       \
  member = reinterpret_cast<decltype(member)>(find(symbol));
  ATTNRT_CUDA_FUNCTIONS(ATTNRT_FIND)
#undef ATTNRT_FIND
#define ATTNRT_FIND_LATER(member, symbol, ...)                                 \
  member = reinterpret_cast<decltype(member)>(dlsym(library, symbol));
  ATTNRT_CUDA_LATER_FUNCTIONS(ATTNRT_FIND_LATER)
#undef ATTNRT_FIND_LATER
  if (!missing.empty())
    return std::string("the CUDA driver is too old: ") + kLibrary + " lacks " +
           missing;
  if (Result error = init(0))
    return "the CUDA driver can't be used: " + describe(error);
  return {};
}

std::string CudaDriver::describe(Result error) const {
  const char *name = nullptr, *text = nullptr;
  getErrorName(error, &name);
  getErrorString(error, &text);
  return std::string(name ? name : "unknown error") + " (" +
         std::to_string(error) + ")" + (text ? std::string(": ") + text : "");
}
