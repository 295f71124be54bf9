// What both manifests have in common: the text, `acKind` and `acVersion`. Internal to the codecs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/json_node.h"
#include "manifests/codec/text_style.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"
#include "manifests/schema/semver.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;

struct DocumentKind {
  std::string_view name;     // in messages: "pod manifest"
  std::string_view ac_kind;  // value of `acKind`
};

// Checks `acKind` and reads `acVersion`. nullopt for a document of another kind, whose other faults would
// only confuse.
std::optional<schema::Semver> read_header(ObjectReader& object, const DocumentKind& kind);
// Writes both.
void add_header(ObjectWriter& object, const DocumentKind& kind, const schema::Semver& version);

// The text of a whole document.
Result<std::string> document_text(const json_text::Json& document, TextStyle style);

// Reads a whole document; `read(object, version)` reads the members and returns an optional, which is empty
// only if it complained.
template <class Manifest>
Result<Manifest> parse_document(std::string_view text, const DocumentKind& kind,
                                std::optional<Manifest> (*read)(ObjectReader&, schema::Semver)) {
  const json_text::Json root = TRY_CTX(json_text::parse(text), "{}", kind.name);
  JsonProblems problems{std::string(kind.name)};
  const JsonNode node(root, problems);
  ObjectReader object(node);
  std::optional<Manifest> manifest;
  if (auto version = read_header(object, kind)) manifest = read(object, *std::move(version));
  TRY(problems.to_result());
  if (!manifest) return fail(ErrorKind::kInternal, "{}: refused without a reason", kind.name);
  return *std::move(manifest);
}

}  // namespace agena::codec
