// What is known of URLs that images came from: so that asking for one again costs one short request, or none
// for as long as the server allows. Small files DATA/cas/remotes/<sha256 of the URL>: a cache that may be
// lost at any time. (docs/on-disk-format.md)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct RemoteEntry {
  std::string shown;          // the URL for people: without user, password and query
  std::string image_id;       // what came from it
  std::string etag;           // empty: none
  std::string last_modified;  // as the server wrote it; empty: none
  Nanoseconds fetched = 0;    // wall clock, when the server last confirmed it
  std::uint64_t max_age = 0;  // seconds for which it need not be asked again
  bool verified = false;      // whether the image's signature was checked
  bool operator==(const RemoteEntry&) const = default;
};

// The entry of a URL; nullopt if there is none, or none that can be read.
Result<std::optional<RemoteEntry>> find_remote(const Store& store, std::string_view url);
// Writes the entry of a URL, replacing an older one.
Result<> remember_remote(const Store& store, std::string_view url, const RemoteEntry& entry);
// Removes the entries whose image is not in the store any more.
Result<> sweep_remotes(const Store& store);

}  // namespace agena::stage0
