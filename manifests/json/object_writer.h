// Building JSON objects and arrays for writing. Internal to manifests.
#pragma once

#include <string>
#include <utility>

#include "common/base/json_text.h"
#include "manifests/schema/extra.h"

namespace agena::json {

// An object built member by member, in order. Keys must be distinct.
class ObjectWriter {
 public:
  void add(std::string key, json_text::Json value);
  // Members kept from a document that was read; an error if one is not JSON.
  Result<> add_extra(const schema::Extra& extra);
  json_text::Json take() { return std::move(object_); }

 private:
  json_text::Json object_ = json_text::Json::object();
};

// An array of what `to_json(item)`, which returns a Result<Json>, makes of the items.
template <class Items, class Function>
Result<json_text::Json> write_array(const Items& items, const Function& to_json) {
  auto array = json_text::Json::array();
  for (const auto& item : items) array.push_back(TRY(to_json(item)));
  return array;
}

}  // namespace agena::json
