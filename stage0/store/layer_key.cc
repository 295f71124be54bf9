#include "stage0/store/layer_key.h"

#include <array>

#include "common/base/strings.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

struct Spelling {
  LayerKey::Kind kind;
  std::string_view prefix;
  std::size_t hex_length;
};
constexpr std::array kSpellings = {
    Spelling{.kind = LayerKey::Kind::kDiffId, .prefix = "sha256-", .hex_length = 64},
    Spelling{.kind = LayerKey::Kind::kDiffId, .prefix = "sha512-", .hex_length = 128},
    Spelling{.kind = LayerKey::Kind::kChain, .prefix = "chain-sha256-", .hex_length = 64},
    Spelling{.kind = LayerKey::Kind::kRendered, .prefix = "deps-sha512-", .hex_length = 64},
    Spelling{.kind = LayerKey::Kind::kMerged, .prefix = "merged-sha256-", .hex_length = 64},
};

}  // namespace

Result<LayerKey> LayerKey::parse(std::string_view text) {
  for (const Spelling& spelling : kSpellings) {
    if (!text.starts_with(spelling.prefix)) continue;
    const std::string_view hex = text.substr(spelling.prefix.size());
    if (hex.size() == spelling.hex_length && is_lower_hex(hex))
      return LayerKey(spelling.kind, std::string(text));
  }
  return fail(ErrorKind::kInvalidInput, "'{}' is not a layer key", printable(text));
}

LayerKey LayerKey::of_diff_id(const Digest& diff_id) { return {Kind::kDiffId, diff_id.file_name()}; }

Result<LayerKey> LayerKey::of_chain_id(const Digest& chain_id) {
  return parse("chain-" + chain_id.file_name());
}

namespace {
std::string sha256_text(std::string_view bytes) { return hash_of(HashAlgorithm::kSha256, bytes).str(); }
}  // namespace

std::string root_chain_id(std::span<const LayerKey> bottom_to_top) {
  std::string chain;
  for (const LayerKey& key : bottom_to_top) {
    // A key by diffID stands for the diffID itself, so that such a root has OCI's own chain ID.
    std::string part = key.str();
    if (key.kind() == LayerKey::Kind::kDiffId) part[part.find('-')] = ':';
    if (chain.empty())
      chain = part.starts_with("sha256:") ? part : sha256_text(part);
    else
      chain = sha256_text(chain + " " + part);
  }
  return chain.empty() ? sha256_text("") : chain;
}

}  // namespace agena::stage0
