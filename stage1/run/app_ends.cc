#include "stage1/run/app_ends.h"

#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "common/sys/signals.h"

namespace agena::stage1 {

int exit_code_of(const stage2::HubEnded& ended, int stop_signal) {
  if (ended.exit_code == "exited") {
    const auto code = parse_int(ended.exit_status, 0, 255);
    return code ? static_cast<int>(*code) : contract::kExitFailure;
  }
  // Empty: the main program never ran.
  if (ended.exit_code.empty()) return ended.service_result == "success" ? 0 : 1;
  const int signal = sys::signal_number(ended.exit_status);
  if (signal != 0 && signal == stop_signal) return 0;
  return contract::exit_code_of_signal(signal);
}

std::string signal_of(const stage2::HubEnded& ended) {
  const bool killed = ended.exit_code == "killed" || ended.exit_code == "dumped";
  return killed ? "SIG" + ended.exit_status : "";
}

AppEnds::AppEnds(const std::vector<std::string>& apps) : left_(apps.size()) {
  for (const std::string& app : apps) ends_[app] = {};
}

void AppEnds::begin_member(const std::string& app) {
  End& end = ends_.at(app);
  if (end.ended) ++left_;
  end = {.member = true};
}

std::vector<std::string> AppEnds::unaccounted() const {
  std::vector<std::string> apps;
  for (const auto& [app, end] : ends_)
    if (end.started && !end.ended) apps.push_back(app);
  return apps;
}

bool AppEnds::note(const std::string& app, int exit_code) {
  End& end = ends_.at(app);
  if (end.ended) return false;
  end.ended = true;
  end.exit_code = exit_code;
  --left_;
  if (end.member || exit_code == 0 || pod_code_ != 0) return false;
  pod_code_ = exit_code;
  return true;
}

}  // namespace agena::stage1
