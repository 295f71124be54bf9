// The known isolators: one table row per name with its kind and its rules. Unknown isolators are kept as they
// are (appc 0.8.11, "Isolators").
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "manifests/schema/isolator.h"

namespace agena::isolators {

// kUnknown for a name that is not in the table.
schema::IsolatorKind kind_of(std::string_view name);
// The isolator's name ("resource/memory"); empty for kUnknown.
std::string_view name_of(schema::IsolatorKind kind);

// An isolator from a typed value, for example from a flag; an error if the value breaks the isolator's rules
// or is of another kind.
Result<schema::Isolator> make_isolator(schema::IsolatorKind kind, const schema::IsolatorValue& value);

// agena/seccomp-retain-set and agena/seccomp-remove-set are appc's os/linux/… within the default list: what is
// not in it, or under its conditions only, they do not give. They have the kinds of appc's.
bool is_within_default(const schema::Isolator& isolator);
// One of appc's seccomp isolators as the one of ours.
Result<schema::Isolator> within_default(schema::Isolator isolator);

// One isolator as JSON text: {"name": …, "value": …}.
Result<schema::Isolator> parse_isolator(std::string_view text);
Result<std::string> write_isolator(const schema::Isolator& isolator);

}  // namespace agena::isolators
