#include "stage1/apps/order_protocol.h"

#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

constexpr int kVersion = 1;
// A text's and a list's share of the longest message: each byte may become five.
constexpr std::size_t kMostText = 4U << 10U;
constexpr std::size_t kMostWarnings = 16;
constexpr std::size_t kMostWarning = 512;

struct KindRow {
  std::string_view name;
  OrderKind value;
};
constexpr std::array kKinds = {
    KindRow{"add", OrderKind::kAdd},       KindRow{"rm", OrderKind::kRemove},
    KindRow{"start", OrderKind::kStart},   KindRow{"stop", OrderKind::kStop},
    KindRow{"update", OrderKind::kUpdate},
};
static_assert(sorted_by_name(kKinds));

std::string text_of(std::string_view text, std::size_t most = kMostText) {
  return printable(text.substr(0, most));
}

std::string read_text(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->as_string().value_or("") : "";
}

Result<Json> read_document(std::string_view text) {
  Json json = TRY_CTX(json_text::parse(text), "order");
  if (!json.is_object()) return fail(ErrorKind::kInvalidInput, "order: no object");
  return json;
}

}  // namespace

std::string_view name_of(OrderKind kind) { return row_for(kKinds, kind).name; }

std::string render_order(const Order& order) {
  Json json = {{"version", kVersion}, {"order", name_of(order.kind)}, {"app", text_of(order.app)}};
  if (!order.manifest.empty()) json["manifest"] = text_of(order.manifest);
  if (order.grace) json["grace"] = *order.grace;
  // All texts are printable, which is all that dump() asks.
  return json_text::dump(json).value_or(std::string());
}

Result<Order> parse_order(std::string_view text) {
  const Json json = TRY(read_document(text));
  JsonProblems problems("order");
  const JsonNode node(json, problems);
  Order order{.app = read_text(node, "app"), .manifest = read_text(node, "manifest")};
  const auto kind = node.require("order");
  const KindRow* row = kind ? find_by_name(kKinds, kind->as_string().value_or("")) : nullptr;
  if (row != nullptr)
    order.kind = row->value;
  else if (kind)
    kind->complain_expected("an order");
  if (const auto grace = node.find("grace")) order.grace = grace->as_int(0, INT64_MAX);
  if (order.app.empty()) node.complain("no app is named");
  TRY(problems.to_result());
  return order;
}

std::string render_order_answer(const OrderAnswer& answer) {
  Json warnings = Json::array();
  for (const std::string& warning : answer.warnings)
    if (warnings.size() < kMostWarnings) warnings.push_back(text_of(warning, kMostWarning));
  Json json = {{"version", kVersion}, {"warnings", warnings}};
  if (!answer.error.empty()) json["error"] = text_of(answer.error);
  return json_text::dump(json).value_or(std::string());
}

Result<OrderAnswer> parse_order_answer(std::string_view text) {
  const Json json = TRY(read_document(text));
  JsonProblems problems("answer");
  const JsonNode node(json, problems);
  OrderAnswer answer{.error = read_text(node, "error")};
  if (const auto warnings = node.find("warnings"))
    warnings->each(
        [&](const JsonNode& warning) { answer.warnings.push_back(warning.as_string().value_or("")); });
  TRY(problems.to_result());
  return answer;
}

}  // namespace agena::stage1
