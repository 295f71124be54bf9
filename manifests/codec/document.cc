#include "manifests/codec/document.h"

namespace agena::codec {

std::optional<schema::Semver> read_header(ObjectReader& object, const DocumentKind& kind) {
  const auto kind_node = object.require("acKind");
  const auto version_node = object.require("acVersion");
  const auto found = kind_node ? kind_node->as_string() : std::nullopt;
  if (found && *found != kind.ac_kind) kind_node->complain_expected(fmt::format("'{}'", kind.ac_kind));
  if (!found || *found != kind.ac_kind) return std::nullopt;
  auto version = version_node ? version_node->parsed(schema::Semver::parse) : std::nullopt;
  return version ? *std::move(version) : schema::Semver::appc();
}

void add_header(ObjectWriter& object, const DocumentKind& kind, const schema::Semver& version) {
  object.add("acKind", std::string(kind.ac_kind));
  object.add("acVersion", version.str());
}

Result<std::string> document_text(const json_text::Json& document, TextStyle style) {
  return style == TextStyle::kPretty ? json_text::dump_pretty(document) : json_text::dump(document);
}

}  // namespace agena::codec
