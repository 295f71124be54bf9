#include "stage1/net/network_choice.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

using Kind = NetworkChoice::Kind;

Result<> add_request(std::string_view text, NetworkChoice& choice) {
  const Cut parts = cut(text, ':');
  NetworkRequest request{std::string(parts.before), std::string(parts.after)};
  if (request.name.empty()) return fail(ErrorKind::kInvalidInput, "a network without a name");
  if (request.name == "host" || request.name == "none")
    return fail(ErrorKind::kInvalidInput, "network '{}' takes no arguments and no other network beside it",
                request.name);
  if (request.name == "all") {
    if (parts.found) return fail(ErrorKind::kInvalidInput, "network 'all' takes no arguments");
    choice.all = true;
    return {};
  }
  if (std::ranges::find(choice.requested, request.name, &NetworkRequest::name) != choice.requested.end())
    return fail(ErrorKind::kInvalidInput, "network '{}' is given twice", printable(request.name));
  choice.requested.push_back(std::move(request));
  return {};
}

}  // namespace

Result<NetworkChoice> parse_network_choice(std::string_view text) {
  if (text == "host") return NetworkChoice{.kind = Kind::kHost};
  if (text == "none") return NetworkChoice{.kind = Kind::kNone};
  NetworkChoice choice{.kind = Kind::kPod};
  if (text.empty()) text = kDefaultNetwork;
  for (const std::string& part : split(text, ','))
    TRY_CTX(add_request(part, choice), "--net='{}'", printable(text));
  return choice;
}

}  // namespace agena::stage1
