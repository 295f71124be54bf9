// The two name types of the appc specification 0.8.11 ("AC Name Type", "AC Identifier Type").
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::schema {

// Name of an app, volume, mount point or port: ^[a-z0-9]+([-][a-z0-9]+)*$. Holds no '/' and no '.', so it is
// safe as a part of a file name.
class AcName {
 public:
  static Result<AcName> parse(std::string_view text);
  // The nearest name to any text: lower case, every other character a dash, dashes at the ends dropped and
  // runs of them joined; an error if nothing is left ("My_App.1" gives "my-app-1").
  static Result<AcName> sanitised(std::string_view text);

  const std::string& str() const { return text_; }

  auto operator<=>(const AcName&) const = default;
  bool operator==(const AcName&) const = default;
  friend bool operator==(const AcName& name, std::string_view text) { return name.text_ == text; }

 private:
  explicit AcName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Name of an image, label, annotation or isolator: ^[a-z0-9]+([-._~/][a-z0-9]+)*$.
class AcIdentifier {
 public:
  static Result<AcIdentifier> parse(std::string_view text);
  // The nearest identifier to any text, as AcName::sanitised does it, but the separators -._~/ stay and other
  // characters become underscores.
  static Result<AcIdentifier> sanitised(std::string_view text);

  const std::string& str() const { return text_; }
  // What stands behind the last '/': the default name of an app comes from it.
  std::string_view last_element() const;

  auto operator<=>(const AcIdentifier&) const = default;
  bool operator==(const AcIdentifier&) const = default;
  friend bool operator==(const AcIdentifier& name, std::string_view text) { return name.text_ == text; }

 private:
  explicit AcIdentifier(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace agena::schema
