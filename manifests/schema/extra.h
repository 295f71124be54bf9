// Members of a document that the specification does not know: kept, so that writing a document back loses
// nothing.
#pragma once

#include <string>
#include <vector>

namespace agena::schema {

// One unknown member: its key and its value as compact JSON text.
struct ExtraMember {
  std::string key;
  std::string json;
  bool operator==(const ExtraMember&) const = default;
};

// The unknown members of one object, in the order of the document.
using Extra = std::vector<ExtraMember>;

}  // namespace agena::schema
