// Groups of system calls: those that an isolator may name with '@', and the default list with what each
// capability adds to it. Tables of facts; nothing here knows of filters' bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/seccomp/filter.h"

namespace agena::seccomp {

// How the calls of a group come into a filter that allows them.
enum class GroupKind {
  kNames,    // by name
  kDefault,  // as the default list has them, with its conditions and with what the app's capabilities add
  kAll,      // every call: no filter
  kEmpty,    // no call
};

struct Group {
  std::string_view name;  // "@docker/default-whitelist"
  GroupKind kind = GroupKind::kNames;
  // Names and other groups' names, separated by spaces and line breaks.
  std::string_view members = {};
};

// nullptr if there is no such group.
const Group* find_group(std::string_view name);
// The names of every group, for messages.
std::vector<std::string_view> group_names();
// Names of the calls of a group, members of member groups included. A call may be there twice.
std::vector<std::string_view> calls_of(const Group& group);

// The default list as rules that allow (or, where libc has a fallback, answer ENOSYS). `capabilities` are the
// bits of the app's bounding set: a capability that the app may have is of no use without its calls.
std::vector<Rule> default_rules(std::uint64_t capabilities);

// What a set of names and groups has that is not in the default list whatever the app's capabilities;
// "@appc.io/all" stands for all calls. Names that are unknown are among it.
std::vector<std::string> beyond_default(const std::vector<std::string>& names);

}  // namespace agena::seccomp
