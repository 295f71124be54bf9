// Names of layers in the store: what a directory below cas/layers is called. A key says by what it was made
// unique, so that equal content made in another way never collides with it.
#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/result.h"

namespace agena::stage0 {

// One layer's key; safe as a file name. Spellings:
//   sha256-<64 hex>, sha512-<128 hex>  diffID: digest of the uncompressed tar; independent of parents
//   chain-sha256-<64 hex>              OCI chain ID: a layer with hard links into its parents
//   deps-sha512-<64 hex>               an ACI rendered with its dependencies or its path whitelist: rkt's
//                                      tree ID, half of the SHA-512 over the comma-joined input keys
//   merged-sha256-<64 hex>             several layers in one, where they are too many: their root_chain_id()
class LayerKey {
 public:
  enum class Kind { kDiffId, kChain, kRendered, kMerged };

  static Result<LayerKey> parse(std::string_view text);
  static LayerKey of_diff_id(const Digest& diff_id);
  // Chain key of a layer whose chain ID this is (sha256 only; an error otherwise).
  static Result<LayerKey> of_chain_id(const Digest& chain_id);

  Kind kind() const { return kind_; }
  const std::string& str() const { return text_; }

  auto operator<=>(const LayerKey&) const = default;

 private:
  LayerKey(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  Kind kind_;
  std::string text_;
};

// Identity of a root made of these layers, bottom first: OCI image-spec config.md, "Layer ChainID", with the
// keys in place of the diffIDs where a layer is not keyed by its diffID. "sha256:<hex>"; the empty list gives
// the digest of nothing.
std::string root_chain_id(std::span<const LayerKey> bottom_to_top);

}  // namespace agena::stage0
