// Labels and annotations: ordered lists of name and value with unique names.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/ac_name.h"

namespace agena::schema {

// A list of {name, value} whose names are unique; Kind only keeps labels and annotations apart.
template <class Kind>
class NameValueList {
 public:
  struct Item {
    AcIdentifier name;
    std::string value;
    bool operator==(const Item&) const = default;
  };

  // Appends; an error if the name is in the list already.
  Result<> add(AcIdentifier name, std::string value) {
    if (find(name.str()) != nullptr)
      return fail(ErrorKind::kAlreadyExists, "duplicate {} '{}'", Kind::kWord, name.str());
    items_.push_back({std::move(name), std::move(value)});
    return {};
  }
  // Appends a name that the caller knows to be new (readers of long lists; add() looks through the list).
  void add_new(AcIdentifier name, std::string value) {
    items_.push_back({std::move(name), std::move(value)});
  }
  // Appends, or changes the value of the name.
  void set(AcIdentifier name, std::string value) {
    auto it = std::ranges::find(items_, name, &Item::name);
    if (it == items_.end())
      items_.push_back({std::move(name), std::move(value)});
    else
      it->value = std::move(value);
  }
  // Removes the name; false if it is not there.
  bool erase(std::string_view name) {
    return std::erase_if(items_, [&](const Item& item) { return item.name == name; }) != 0;
  }
  // The value of a name, or nullptr.
  const std::string* find(std::string_view name) const {
    auto it = std::ranges::find_if(items_, [&](const Item& item) { return item.name == name; });
    return it == items_.end() ? nullptr : &it->value;
  }

  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  bool operator==(const NameValueList&) const = default;

 private:
  std::vector<Item> items_;
};

struct LabelKind {
  static constexpr const char* kWord = "label";
};
struct AnnotationKind {
  static constexpr const char* kWord = "annotation";
};

// Labels tell images of one name apart ("version", "os", "arch" are well known; "name" is forbidden).
using Labels = NameValueList<LabelKind>;
using Label = Labels::Item;
// Annotations are facts for tools ("created", "homepage", "coreos.com/rkt/…").
using Annotations = NameValueList<AnnotationKind>;
using Annotation = Annotations::Item;

}  // namespace agena::schema
