// Values of os/linux/* isolators.
#include <algorithm>

#include "manifests/isolators/values.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::isolators {

using json::ObjectReader;
using json::ObjectWriter;
using json_text::Json;

namespace {

bool is_upper_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Whether the text is the prefix and then at least one character that is good.
template <class Good>
bool has_form(std::string_view text, std::string_view prefix, Good good) {
  return text.starts_with(prefix) && text.size() > prefix.size() &&
         std::ranges::all_of(text.substr(prefix.size()), good);
}

bool is_capability(std::string_view text) {
  return has_form(text, "CAP_", [](char c) { return is_upper_or_digit(c) || c == '_'; });
}

bool is_errno(std::string_view text) { return has_form(text, "E", is_upper_or_digit); }

// A system call, or '@' and the path-like name of a group.
bool is_seccomp_entry(std::string_view text) {
  const bool group = text.starts_with('@');
  return has_form(text, group ? "@" : "", [group](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (group && (c == '/' || c == '-' || c == '.'));
  });
}

// The names in the member `set`: at least one, each of the form; empty after a complaint.
std::vector<std::string> read_set(const JsonNode& node, ObjectReader& object, bool (*good)(std::string_view),
                                  std::string_view expected) {
  const auto set = object.require("set");
  if (!set) return {};
  std::vector<std::string> names;
  bool all_good = set->raw().is_array();
  set->each([&](const JsonNode& element) {
    auto name = element.as_string();
    if (name && !good(*name)) element.complain_expected(expected);
    all_good = all_good && name && good(*name);
    if (name) names.push_back(*std::move(name));
  });
  if (all_good && names.empty()) node.complain("'set' must not be empty");
  return all_good ? names : std::vector<std::string>{};
}

Json texts_json(const std::vector<std::string>& texts) {
  auto array = Json::array();
  for (const std::string& text : texts) array.push_back(text);
  return array;
}

}  // namespace

std::optional<IsolatorValue> read_capabilities(const JsonNode& node) {
  ObjectReader object(node);
  auto names = read_set(node, object, is_capability, "a capability's name such as CAP_NET_ADMIN");
  if (names.empty()) return std::nullopt;
  return schema::CapabilitySet{std::move(names)};
}

Json write_capabilities(const IsolatorValue& value) {
  const auto* set = std::get_if<schema::CapabilitySet>(&value);
  if (set == nullptr) return nullptr;
  ObjectWriter object;
  object.add("set", texts_json(set->names));
  return object.take();
}

std::optional<IsolatorValue> read_seccomp(const JsonNode& node) {
  ObjectReader object(node);
  auto names = read_set(node, object, is_seccomp_entry, "a system call's name or an @group");
  const auto errno_node = object.find("errno");
  auto errno_name = errno_node ? errno_node->as_string() : std::optional<std::string>("");
  if (errno_name && !errno_name->empty() && !is_errno(*errno_name)) {
    errno_node->complain_expected("an errno's name such as EPERM");
    errno_name.reset();
  }
  if (names.empty() || !errno_name) return std::nullopt;
  return schema::SeccompSet{std::move(names), *std::move(errno_name)};
}

Json write_seccomp(const IsolatorValue& value) {
  const auto* set = std::get_if<schema::SeccompSet>(&value);
  if (set == nullptr) return nullptr;
  ObjectWriter object;
  object.add("set", texts_json(set->names));
  if (!set->errno_name.empty()) object.add("errno", set->errno_name);
  return object.take();
}

std::optional<IsolatorValue> read_no_new_privileges(const JsonNode& node) {
  const auto enabled = node.as_bool();
  if (!enabled) return std::nullopt;
  return schema::NoNewPrivileges{*enabled};
}

Json write_no_new_privileges(const IsolatorValue& value) {
  const auto* flag = std::get_if<schema::NoNewPrivileges>(&value);
  return flag == nullptr ? Json() : Json(flag->enabled);
}

std::optional<IsolatorValue> read_cpu_shares(const JsonNode& node) {
  // Kernel: MIN_SHARES and MAX_SHARES of the cpu controller.
  constexpr std::int64_t kMin = 2;
  constexpr std::int64_t kMax = 262144;
  const auto shares = node.as_int(kMin, kMax);
  if (!shares) return std::nullopt;
  return schema::CpuShares{*shares};
}

Json write_cpu_shares(const IsolatorValue& value) {
  const auto* shares = std::get_if<schema::CpuShares>(&value);
  return shares == nullptr ? Json() : Json(shares->shares);
}

std::optional<IsolatorValue> read_oom_score_adj(const JsonNode& node) {
  // Kernel: OOM_SCORE_ADJ_MIN and OOM_SCORE_ADJ_MAX.
  constexpr std::int64_t kLimit = 1000;
  const auto score = node.as_int(-kLimit, kLimit);
  if (!score) return std::nullopt;
  return schema::OomScoreAdj{*score};
}

Json write_oom_score_adj(const IsolatorValue& value) {
  const auto* score = std::get_if<schema::OomScoreAdj>(&value);
  return score == nullptr ? Json() : Json(score->score);
}

std::optional<IsolatorValue> read_selinux(const JsonNode& node) {
  ObjectReader object(node);
  bool good = true;
  // The colon separates the parts of a context; only the level, which comes last, may have one.
  const auto read_part = [&](std::string_view key, bool colon_allowed) {
    const auto part_node = object.require(key);
    auto part = part_node ? json::read_non_empty(*part_node) : std::nullopt;
    if (part && !colon_allowed && part->find(':') != std::string::npos) {
      part_node->complain("must not contain ':'");
      part.reset();
    }
    good = good && part;
    return part ? *std::move(part) : std::string();
  };
  schema::SelinuxContext context;
  context.user = read_part("user", false);
  context.role = read_part("role", false);
  context.type = read_part("type", false);
  context.level = read_part("level", true);
  if (!good) return std::nullopt;
  return context;
}

Json write_selinux(const IsolatorValue& value) {
  const auto* context = std::get_if<schema::SelinuxContext>(&value);
  if (context == nullptr) return nullptr;
  ObjectWriter object;
  object.add("user", context->user);
  object.add("role", context->role);
  object.add("type", context->type);
  object.add("level", context->level);
  return object.take();
}

std::optional<IsolatorValue> read_apparmor(const JsonNode& node) {
  std::optional<std::string> name;
  if (node.raw().is_string()) {
    name = json::read_non_empty(node);
  } else {
    ObjectReader object(node);
    const auto profile = object.require("profile");
    name = profile ? json::read_non_empty(*profile) : std::nullopt;
  }
  if (!name) return std::nullopt;
  return schema::ApparmorProfile{*std::move(name)};
}

Json write_apparmor(const IsolatorValue& value) {
  const auto* profile = std::get_if<schema::ApparmorProfile>(&value);
  return profile == nullptr ? Json() : Json(profile->name);
}

}  // namespace agena::isolators
