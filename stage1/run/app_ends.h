// How the apps of a pod ended: exit codes by rkt's rules, and which one counts for the pod.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/stage2/hub_protocol.h"

namespace agena::stage1 {

// Exit code of an app by what systemd says of its service. A signal counts 128 + its number; dying of the
// stop signal (0 unless the pod is being stopped) counts 0; an app that never ran (its pre-start handler
// failed) counts as failed.
int exit_code_of(const stage2::HubEnded& ended, int stop_signal);

// The signal that ended the app's program, as in "SIGKILL"; empty if none did.
std::string signal_of(const stage2::HubEnded& ended);

// The book of a pod's apps.
class AppEnds {
 public:
  explicit AppEnds(const std::vector<std::string>& apps);

  // An app of a mutable pod: it has ended until it begins, and how it ends says nothing of the pod.
  void add_member(const std::string& app) { ends_[app] = {.member = true, .ended = true}; }
  void remove_member(const std::string& app) { ends_.erase(app); }
  // A member is about to start (again).
  void begin_member(const std::string& app);

  bool knows(const std::string& app) const { return ends_.contains(app); }
  bool has_ended(const std::string& app) const { return ends_.at(app).ended; }
  bool has_started(const std::string& app) const { return ends_.at(app).started; }
  // Notes an end; a second one for the same app is ignored. True if it is the pod's first failure.
  bool note(const std::string& app, int exit_code);
  // Notes that an app has begun.
  void note_start(const std::string& app) { ends_.at(app).started = true; }
  // Apps that have begun and whose end nobody has reported.
  std::vector<std::string> unaccounted() const;
  bool all_ended() const { return left_ == 0; }
  // Exit code of the pod: of the first app that failed, or 0.
  int pod_code() const { return pod_code_; }

 private:
  struct End {
    bool member = false;
    bool started = false;
    bool ended = false;
    int exit_code = 0;
  };
  std::map<std::string, End> ends_;
  std::size_t left_;
  int pod_code_ = 0;
};

}  // namespace agena::stage1
