#include "stage0/cli/output/pod_text.h"

#include <algorithm>
#include <map>

#include "common/base/strings.h"

namespace agena::stage0 {

std::string networks_text(const std::vector<NetInfo>& networks) {
  std::string text;
  const auto add = [&](const NetInfo& net, std::string_view family, std::string_view address) {
    text += fmt::format("{}{}:{}={}", text.empty() ? "" : ", ", printable(net.net_name), family,
                        printable(address));
  };
  for (const NetInfo& net : networks) {
    // rkt's form, which has one address, and that of IPv4.
    if (!net.ip.empty() || net.addresses.empty()) add(net, "ip4", net.ip);
    for (const std::string& prefix : net.addresses) {
      const std::string_view address = cut(prefix, '/').before;
      if (address != net.ip) add(net, address.contains(':') ? "ip6" : "ip4", address);
    }
  }
  return text;
}

namespace {

constexpr std::size_t kImageIdWidth = 19;  // "sha512-" and 12 digits

std::string time_text(const std::optional<Nanoseconds>& time, const PodTableOptions& options) {
  if (!time) return "";
  return options.full ? full_time(*time) : humanised(*time, options.now);
}

// States in which a pod has, or had, processes.
bool has_run(PodState state) {
  switch (state) {
    case PodState::kRunning:
    case PodState::kExited:
    case PodState::kExitedGarbage:
    case PodState::kExitedDeleting:
    case PodState::kDeleting:
      return true;
    case PodState::kEmbryo:
    case PodState::kPreparing:
    case PodState::kAbortedPrepare:
    case PodState::kPrepared:
    case PodState::kGarbage:
      return false;
  }
  return false;
}

}  // namespace

Table pods_table(const std::vector<PodInfo>& pods, const PodTableOptions& options) {
  Table table;
  const auto add = [&](std::vector<std::string> cells, std::string image_id) {
    if (options.full) cells.insert(cells.begin() + 3, std::move(image_id));
    table.add_row(std::move(cells));
  };
  if (options.legend)
    add({"UUID", "APP", "IMAGE NAME", "STATE", "CREATED", "STARTED", "NETWORKS"}, "IMAGE ID");
  for (const PodInfo& pod : pods) {
    // The facts of the pod stand in its first row only.
    std::vector<std::string> facts = {std::string(contract::name_of(pod.state)),
                                      time_text(pod.created_at, options), time_text(pod.started_at, options),
                                      networks_text(pod.networks)};
    std::string uuid = options.full ? pod.uuid.str() : pod.uuid.short_form();
    const auto add_app = [&](std::string app, std::string image, std::string id) {
      add({uuid, std::move(app), std::move(image), facts[0], facts[1], facts[2], facts[3]}, std::move(id));
      uuid.clear();
      facts.assign(facts.size(), "");
    };
    if (pod.apps.empty()) add_app("-", "-", "-");
    for (const AppInfo& app : pod.apps)
      add_app(app.name, app.image_name.value_or("--"), app.image_id.substr(0, kImageIdWidth));
  }
  return table;
}

namespace {

// Lines that rkt's pods do not have. The name stands last, where nothing can be taken for a part of it.
std::string life_lines(const AppInfo& app) {
  if (!app.life) return "";
  const contract::AppLifeStatus& life = *app.life;
  std::string text = fmt::format("restarts-{}={}\n", app.name, life.restarts);
  if (life.last_exit_at)
    text += fmt::format("last-exit-{}={} at {}\n", app.name, life.last_exit_code.value_or(0),
                        full_time(*life.last_exit_at));
  if (!life.last_signal.empty()) text += fmt::format("last-signal-{}={}\n", app.name, life.last_signal);
  if (life.restart_at) text += fmt::format("restart-at-{}={}\n", app.name, full_time(*life.restart_at));
  if (life.ready) text += fmt::format("ready-{}={}\n", app.name, *life.ready);
  if (!life.status_text.empty()) text += fmt::format("status-{}={}\n", app.name, printable(life.status_text));
  if (life.health) text += fmt::format("health-{}={}\n", app.name, contract::to_string(*life.health));
  return text;
}

}  // namespace

namespace {

std::string pairs_text(const std::map<std::string, std::string>& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", printable(name), printable(value));
  return text;
}

std::string mounts_text(const std::vector<MountInfo>& mounts) {
  std::string text;
  for (const MountInfo& mount : mounts)
    text += fmt::format("{}{}:{}:(read_only:{})", text.empty() ? "" : ",", printable(mount.host_path),
                        printable(mount.container_path), mount.read_only);
  return text;
}

}  // namespace

Table apps_table(const std::vector<AppInfo>& apps, bool legend) {
  Table table;
  if (legend) table.add_row({"NAME", "STATE"});
  for (const AppInfo& app : apps) table.add_row({app.name, std::string(name_of(app.state))});
  return table;
}

std::string app_status_lines(const AppInfo& app) {
  std::string text =
      fmt::format("name={}\nstate={}\nimage_id={}\n", app.name, name_of(app.state), app.image_id);
  const auto add = [&](std::string_view key, const auto& value) {
    text += fmt::format("{}={}\n", key, value);
  };
  if (app.created_at) add("created_at", exact_time(*app.created_at));
  if (app.started_at) add("started_at", exact_time(*app.started_at));
  if (app.finished_at) add("finished_at", exact_time(*app.finished_at));
  if (app.exit_code) add("exit_code", *app.exit_code);
  if (!app.mounts.empty()) add("mounts", mounts_text(app.mounts));
  if (!app.user_annotations.empty()) add("user_annotations", pairs_text(app.user_annotations));
  if (!app.user_labels.empty()) add("user_labels", pairs_text(app.user_labels));
  // rkt's end here.
  if (app.oom_kills > 0) add("oom_kills", app.oom_kills);
  if (!app.life) return text;
  const contract::AppLifeStatus& life = *app.life;
  add("restarts", life.restarts);
  if (life.last_exit_code) add("last_exit_code", *life.last_exit_code);
  if (life.last_exit_at) add("last_exit_at", exact_time(*life.last_exit_at));
  if (!life.last_signal.empty()) add("last_signal", life.last_signal);
  if (life.restart_at) add("restart_at", exact_time(*life.restart_at));
  if (life.ready) add("ready", *life.ready);
  if (!life.status_text.empty()) add("status_text", printable(life.status_text));
  if (!life.health) return text;
  add("health", contract::to_string(*life.health));
  add("health_failures", life.health_failures);
  return text;
}

std::string status_lines(const PodStatus& status) {
  const PodInfo& pod = status.info;
  std::string text = fmt::format("state={}\n", contract::name_of(pod.state));
  if (!pod.name.empty()) text += fmt::format("name={}\n", pod.name);
  if (pod.created_at) text += fmt::format("created={}\n", full_time(*pod.created_at));
  if (pod.started_at) text += fmt::format("started={}\n", full_time(*pod.started_at));
  if (pod.state == PodState::kRunning || pod.state == PodState::kExited)
    text += fmt::format("networks={}\n", networks_text(pod.networks));
  if (!has_run(pod.state)) return text;
  if (status.pid) text += fmt::format("pid={}\n", *status.pid);
  text += fmt::format("exited={}\n", status.exited);
  for (const AppInfo& app : pod.apps) text += life_lines(app);
  if (pod.state == PodState::kRunning && !pod.is_mutable) return text;
  std::map<std::string, int> codes;
  for (const AppInfo& app : pod.apps)
    if (app.exit_code) codes[app.name] = *app.exit_code;
  for (const auto& [app, code] : codes) text += fmt::format("app-{}={}\n", app, code);
  for (const AppInfo& app : pod.apps)
    if (app.oom_kills > 0) text += fmt::format("oom-kills-{}={}\n", app.name, app.oom_kills);
  return text;
}

}  // namespace agena::stage0
