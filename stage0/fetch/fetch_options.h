// What decides where an image may come from and what is checked on the way. Filled by front ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/image/platform.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

struct KeyOffer;  // stage0/trust/public_keys.h

// `--pull-policy`: where an image may come from. Files named by path are read again under any policy.
enum class PullPolicy : std::uint8_t {
  kNever,   // the store only
  kNew,     // the store first, then the source
  kUpdate,  // the source, even if the store has it
};

// `--insecure-options`: each waives one check. `ondisk` is accepted by the grammar and waives nothing.
struct InsecureOptions {
  bool image = false;            // signatures of images
  bool tls = false;              // certificates of servers
  bool http = false;             // plain http for images
  bool pubkey = false;           // plain http for keys
  bool capabilities = false;     // the capability bounding set of apps
  bool paths = false;            // masked and read-only paths of apps
  bool seccomp = false;          // the seccomp filter of apps
  bool limits = false;           // limits that the host cannot enforce
  bool lsm = false;              // SELinux contexts and AppArmor profiles that the host cannot give
  bool image_isolators = false;  // that isolators of images only narrow the defaults
  bool operator==(const InsecureOptions&) const = default;
};

// What an installation and its administrator say about fetching; the same for all images of a command.
struct FetchSettings {
  // As for load_config(): system, local, user; absolute, an empty one is skipped. Credentials and trusted
  // keys lie below them, and are read when something is fetched.
  std::vector<std::string> config_directories = {};
  // Directories whose ACIs count as trusted without a signature: where the stage1 images are.
  std::vector<std::string> trusted_directories = {};
  // Asked about keys that discovery finds for a name that no key is trusted for. Empty: they are not looked
  // for.
  std::function<Result<bool>(const KeyOffer&)> review_key = {};
  // Whether an ACI in a local file must be signed (rkt's rule), or may be.
  bool local_signatures = false;
};

// One image.
struct FetchOptions {
  PullPolicy policy = PullPolicy::kNew;
  InsecureOptions insecure = {};
  Platform platform = host_platform();
  std::uint64_t max_bytes = kDefaultMaxUnpackedBytes;  // `--max-image-size`: of what is unpacked
  // Of URLs and names: the store's image counts only if somebody who is trusted vouches for it.
  bool trusted_only = false;
  std::string signature = {};  // path of a detached signature of the image; empty: none given
};

}  // namespace agena::stage0
