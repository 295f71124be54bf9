// The store of trusted keys, in rkt's layout:
//
//   DIR/trustedkeys/root.d/FINGERPRINT              trusted for every image
//   DIR/trustedkeys/prefix.d/PREFIX…/FINGERPRINT    trusted for PREFIX and all names below it
//
// below the system and the local configuration directory. Files are armoured public keys, named by the
// lower-case fingerprint of the primary key; an empty file below the local directory masks the one of the
// same name below the system's. (docs/configuration.md)
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

// Configuration directories; an empty one is skipped.
struct KeyStoreDirectories {
  std::string system;  // the distribution's
  std::string local;   // the administrator's: where keys are added and removed
};

// Where a key is trusted.
struct TrustedKey {
  std::string prefix;       // of image names; empty: for all (root.d)
  std::string fingerprint;  // the file's name
  std::string path;         // of the file
  bool local = false;       // below the local directory
};

// All keys that count, masked ones left out; sorted by prefix and fingerprint. Other files are left out.
Result<std::vector<TrustedKey>> list_trusted_keys(const KeyStoreDirectories& directories);

// Whether a key that is trusted for `prefix` is trusted for images of this name: the prefix is empty, the
// name, or one of its parents ("example.com" of "example.com/app").
bool prefix_covers(std::string_view prefix, std::string_view name);

// The armoured key in a file of the store; an error if it is too big to be one.
Result<std::string> read_trusted_key(const TrustedKey& key);

// Trusts a key: writes its file below the local directory, atomically, and returns its path. The prefix must
// be an appc name (kInvalidInput); empty: for all images.
Result<std::string> add_trusted_key(const KeyStoreDirectories& directories, const std::string& prefix,
                                    const std::string& fingerprint, std::string_view armoured);

// Trusts it no longer: a key of the local directory is removed, one of the system's is masked. kNotFound if
// it is not trusted for exactly this prefix.
Result<> remove_trusted_key(const KeyStoreDirectories& directories, const std::string& prefix,
                            const std::string& fingerprint);

}  // namespace agena::stage0
