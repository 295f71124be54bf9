#include "common/sys/shared_library.h"

#include <dlfcn.h>

namespace agena::sys {
namespace {

// What dlerror(3) says of the last failure; thread-local in glibc.
std::string last_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

Result<SharedLibrary> SharedLibrary::open(const char* soname, const char* package) {
  void* handle = ::dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    return fail(ErrorKind::kUnsupported, "the library '{}' is needed for this (Debian package {}): {}",
                soname, package, last_error());
  return SharedLibrary(handle, soname);
}

Result<void*> SharedLibrary::find(const char* name) const {
  void* address = ::dlsym(handle_, name);
  if (address == nullptr)
    return fail(ErrorKind::kUnsupported, "the library '{}' is too old: {}", name_, last_error());
  return address;
}

}  // namespace agena::sys
