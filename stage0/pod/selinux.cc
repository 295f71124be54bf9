#include "stage0/pod/selinux.h"

#include <fcntl.h>
#include <sys/random.h>

#include <array>
#include <cstdint>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr unsigned kCategories = 1024;  // of the policies in use: c0 to c1023

std::string unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// Index behind the n-th colon; npos if there are fewer.
std::size_t behind_colon(std::string_view text, int n) {
  std::size_t at = 0;
  for (; n > 0 && at != std::string_view::npos; --n) {
    at = text.find(':', at);
    if (at != std::string_view::npos) ++at;
  }
  return at;
}

Result<> check_context(std::string_view context, std::string_view key) {
  if (behind_colon(context, 3) != std::string_view::npos) return {};
  return fail(ErrorKind::kInvalidInput, "'{}' of lxc_contexts is no SELinux context with a level: '{}'", key,
              printable(context));
}

Result<unsigned> random_category() {
  std::uint16_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number))
    return sys_fail("getting random bytes");
  return number % kCategories;
}

}  // namespace

Result<SelinuxLabels> parse_lxc_contexts(std::string_view text) {
  SelinuxLabels labels;
  for (const std::string& line : split(text, '\n')) {
    const Cut setting = cut(line, '=');
    const std::string_view key = trim(setting.before);
    if (key == "process") labels.process = unquoted(trim(setting.after));
    if (key == "file") labels.mount = unquoted(trim(setting.after));
  }
  TRY(check_context(labels.process, "process"));
  TRY(check_context(labels.mount, "file"));
  return labels;
}

std::string with_level(std::string_view context, std::string_view level) {
  return std::string(context.substr(0, behind_colon(context, 3))) + std::string(level);
}

std::string categories_of(std::string_view context) {
  const std::size_t at = behind_colon(context, 4);
  return at == std::string_view::npos ? std::string() : std::string(context.substr(at));
}

Result<std::string> choose_categories(const std::set<std::string>& taken) {
  // Of half a million pairs; with as many pods as that there would be other worries.
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    const unsigned a = TRY(random_category());
    const unsigned b = TRY(random_category());
    if (a == b) continue;
    std::string pair = fmt::format("c{},c{}", std::min(a, b), std::max(a, b));
    if (!taken.contains(pair)) return pair;
  }
  return fail(ErrorKind::kBusy, "no free pair of SELinux categories was found");
}

namespace {

// The policy's own file, or container-selinux's.
Result<SelinuxLabels> read_contexts(sys::DirRef host) {
  std::string type = "targeted";
  if (const auto config = sys::read_file(host, "etc/selinux/config"))
    for (const std::string& line : split(*config, '\n'))
      if (line.starts_with("SELINUXTYPE=")) type = trim(std::string_view(line).substr(line.find('=') + 1));
  const std::array places = {"etc/selinux/" + type + "/contexts/lxc_contexts",
                             std::string("usr/share/containers/selinux/contexts")};
  for (const std::string& place : places) {
    const auto text = sys::read_file(host, place);
    if (text) return TRY_CTX(parse_lxc_contexts(*text), "file '/{}'", place);
    if (text.error().kind() != ErrorKind::kNotFound) return std::unexpected(text.error());
  }
  return fail(ErrorKind::kNotFound, "SELinux is on, but neither '/{}' nor '/{}' is there", places[0],
              places[1]);
}

// Categories of all pods that have run and are not collected yet.
Result<std::set<std::string>> taken_categories(const sys::DirFd& data) {
  std::set<std::string> taken;
  const auto pods = sys::list_dir(data, "pods/run");
  if (!pods) return std::unexpected(pods.error());
  for (const std::string& uuid : *pods) {
    const auto text = sys::read_file(data, "pods/run/" + uuid + "/" + paths::kSelinux);
    if (text) taken.insert(categories_of(split(*text, '\n').front()));
  }
  return taken;
}

}  // namespace

Result<SelinuxLabels> read_labels(const sys::DirFd& pod) {
  const auto text = sys::read_file(pod, paths::kSelinux);
  if (!text && text.error().sys_errno() == ENOENT) return SelinuxLabels();
  if (!text) return std::unexpected(text.error());
  const std::vector<std::string> lines = split(*text, '\n');
  if (lines.size() < 2) return fail(ErrorKind::kInvalidInput, "file '{}' is cut short", paths::kSelinux);
  return SelinuxLabels{.process = lines[0], .mount = lines[1]};
}

Result<SelinuxLabels> label_pod(sys::DirRef host, const sys::DirFd& data, const sys::DirFd& pod) {
  if (!TRY(sys::exists(host, "sys/fs/selinux/enforce"))) return SelinuxLabels();
  SelinuxLabels labels = TRY(read_contexts(host));
  // From choosing to recording nobody else chooses.
  sys::UniqueFd file = TRY(sys::open_at(data, "locks/selinuxLock", O_RDWR | O_CREAT | O_NOFOLLOW, 0640));
  const sys::FileLock lock = TRY(sys::FileLock::wait(std::move(file), sys::LockMode::kExclusive));
  const std::string level = "s0:" + TRY(choose_categories(TRY(taken_categories(data))));
  labels.process = with_level(labels.process, level);
  labels.mount = with_level(labels.mount, level);
  TRY(sys::replace_file(pod, paths::kSelinux, labels.process + "\n" + labels.mount + "\n"));
  return labels;
}

}  // namespace agena::stage0
