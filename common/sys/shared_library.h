// Libraries that are opened when they are first needed: a start that does not need them does not pay for them
// and for all that they depend on.
#pragma once

#include <string>

#include "common/base/result.h"

namespace agena::sys {

// An open library. It is never closed: code of it may run in any thread until the end of the process.
class SharedLibrary {
 public:
  // Opens a library by its soname ("libcurl.so.4"). kUnsupported names the Debian package that it comes in.
  static Result<SharedLibrary> open(const char* soname, const char* package);

  // Sets the pointer to the function of that name; kUnsupported if the library has none.
  template <class Function>
  Result<> load(const char* name, Function*& function) const {
    void* address = TRY(find(name));
    function = reinterpret_cast<Function*>(address);
    return {};
  }

 private:
  SharedLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}
  Result<void*> find(const char* name) const;
  void* handle_;
  std::string name_;
};

}  // namespace agena::sys
