// The meta tags of a discovery page. HTML is read by libxml2's forgiving parser, opened at the first page:
// nothing is loaded that the page refers to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

// The largest page that is read.
inline constexpr std::size_t kMaxPageBytes = 1U << 20U;

// <meta name="NAME" content="PREFIX VALUE">
struct MetaTag {
  std::string name;    // "ac-discovery" or "ac-discovery-pubkeys"
  std::string prefix;  // of image names
  std::string value;   // template of URLs, or URL of keys
  bool operator==(const MetaTag&) const = default;
};

// Discovery's tags in the head of a page, in their order; at most 100. What stands in its body does not
// count: that is often written by others than the owner of the site. kInvalidInput if the page is too large.
Result<std::vector<MetaTag>> read_meta_tags(std::string_view html);

// The tag that a name and a content make; nullopt if it is none of discovery's, or has not exactly two words.
std::optional<MetaTag> make_meta_tag(std::string_view name, std::string_view content);

}  // namespace agena::stage0
