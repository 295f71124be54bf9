#include "manifests/json/object_writer.h"

#include "common/base/strings.h"

namespace agena::json {

using json_text::Json;

void ObjectWriter::add(std::string key, Json value) {
  // The vector below the ordered map: no search for each member that is added.
  Json::object_t::Container& members = object_.get_ref<Json::object_t&>();
  members.emplace_back(std::move(key), std::move(value));
}

Result<> ObjectWriter::add_extra(const schema::Extra& extra) {
  for (const schema::ExtraMember& member : extra)
    add(member.key, TRY_CTX(json_text::parse(member.json), "member '{}'", printable(member.key)));
  return {};
}

}  // namespace agena::json
