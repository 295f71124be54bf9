// Several files that make an image together: in a directory or in a tar file. Like a TargetFile, a bundle
// gets its name when it is complete. The tar is the same for the same files, whenever it is made.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "stage0/export/target_file.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

class Bundle {
 public:
  Bundle() = default;
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;
  virtual ~Bundle() = default;

  // Name of a file, given what was written to it; relative, with directories.
  using NameOf = std::function<std::string(const Written&)>;
  // Adds a file with the source's bytes. A file of a name that is there already is not added again: it is
  // taken for the same.
  virtual Result<Written> add(ByteSource& source, const NameOf& name_of) = 0;
  // Gives the bundle its name.
  virtual Result<> commit() = 0;

  Result<Written> add_text(const std::string& name, const std::string& text);
};

// A new directory; with `overwrite` an existing one is replaced if it is an OCI layout or empty
// (kAlreadyExists, kInvalidInput otherwise).
Result<std::unique_ptr<Bundle>> make_directory_bundle(const std::string& path, bool overwrite);
// A new tar file.
Result<std::unique_ptr<Bundle>> make_tar_bundle(const std::string& path, bool overwrite);

}  // namespace agena::stage0
