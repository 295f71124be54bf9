// Orders to the supervisor of a mutable pod: one order a connection on the socket `control` in the pod
// directory, one JSON message each way (SOCK_SEQPACKET).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace agena::stage1 {

// Longest message of either side.
inline constexpr std::size_t kMaxOrderMessage = 64U << 10U;

enum class OrderKind { kAdd, kRemove, kStart, kStop, kUpdate };
// "add", "rm", "start", "stop", "update".
std::string_view name_of(OrderKind kind);

struct Order {
  OrderKind kind = OrderKind::kStart;
  std::string app;
  std::string manifest = {};  // kAdd, kUpdate: pod manifest to read, relative to the pod directory
  std::optional<Nanoseconds> grace = {};  // kStop: time to end in; unset: the app's own
  bool operator==(const Order&) const = default;
};

struct OrderAnswer {
  std::string error = {};                  // empty: done
  std::vector<std::string> warnings = {};  // for the user, in order
  bool operator==(const OrderAnswer&) const = default;
};

std::string render_order(const Order& order);
// Unknown kinds and members of wrong types are errors.
Result<Order> parse_order(std::string_view json);
// Texts that are too long for a message are cut.
std::string render_order_answer(const OrderAnswer& answer);
Result<OrderAnswer> parse_order_answer(std::string_view json);

}  // namespace agena::stage1
