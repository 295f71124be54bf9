#include "stage1/net/select_networks.h"

#include <algorithm>
#include <utility>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

Result<> check_all_known(const NetConfs& known, const NetworkChoice& choice) {
  std::vector<std::string> names;
  for (const NetConf& conf : known.confs) names.push_back(conf.name);
  std::vector<std::string> missing;
  std::string close;
  // What stage0 takes for itself may be meant as well.
  std::vector<std::string> all = names;
  all.insert(all.end(), {"none", "host", "all"});
  for (const NetworkRequest& request : choice.requested) {
    if (std::ranges::find(names, request.name) != names.end()) continue;
    missing.push_back(printable(request.name));
    if (close.empty()) close = closest(request.name, all);
  }
  if (missing.empty()) return {};
  Error error(ErrorKind::kNotFound, "networks not found: " + join(missing, ", "));
  return std::unexpected(std::move(error).with_hint(
      close.empty() ? "there are: " + join(all, ", ") : fmt::format("did you mean '{}'?", close)));
}

}  // namespace

Result<std::vector<SelectedNetwork>> select_networks(const NetConfs& known, const NetworkChoice& choice) {
  TRY(check_all_known(known, choice));
  std::vector<SelectedNetwork> selected;
  for (const NetConf& conf : known.confs) {
    const auto request = std::ranges::find(choice.requested, conf.name, &NetworkRequest::name);
    const bool named = request != choice.requested.end();
    if (named || choice.all) selected.push_back({conf, named ? request->args : ""});
  }
  return selected;
}

}  // namespace agena::stage1
