#include "stage0/pod/pod_name.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/lock.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr std::size_t kLongestName = 64;
// `list` shows so many digits of a UUID.
constexpr std::size_t kShortUuid = 8;
constexpr mode_t kDirectoryMode = 02750;

constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kOthers = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

// Whether a pod in this state keeps its name from others.
bool keeps_name(PodState state) {
  switch (state) {
    case PodState::kEmbryo:
    case PodState::kPreparing:
    case PodState::kPrepared:
    case PodState::kRunning:
    case PodState::kExited:
      return true;
    case PodState::kAbortedPrepare:
    case PodState::kExitedGarbage:
    case PodState::kExitedDeleting:
    case PodState::kGarbage:
    case PodState::kDeleting:
      return false;
  }
  return false;
}

Result<std::optional<Uuid>> owner_of(const sys::DirFd& names, const std::string& name) {
  const auto target = sys::read_link(names, name);
  if (!target && target.error().sys_errno() == ENOENT) return std::optional<Uuid>();
  // Something else than a link is nobody's name.
  if (!target && target.error().sys_errno() == EINVAL) return std::optional<Uuid>();
  if (!target) return std::unexpected(target.error());
  auto uuid = Uuid::parse(*target);
  return uuid ? std::optional(*std::move(uuid)) : std::nullopt;
}

Result<> refuse_taken(const Pods& pods, const sys::DirFd& names, const std::string& name) {
  const auto owner = TRY(owner_of(names, name));
  if (!owner) return {};
  auto pod = Pod::open(pods, *owner);
  const auto state = pod ? pod->state() : std::unexpected(pod.error());
  if (!state && state.error().kind() == ErrorKind::kNotFound) return {};
  if (!state) return std::unexpected(state.error());
  if (!keeps_name(*state)) return {};
  Error error(ErrorKind::kAlreadyExists, fmt::format("the pod name '{}' is taken by pod '{}', which is {}",
                                                     name, owner->str(), contract::name_of(*state)));
  return std::unexpected(std::move(error).with_hint("'rm' frees the name of a pod that is not running"));
}

Result<sys::FileLock> lock_names(const sys::DirFd& names) {
  return sys::FileLock::wait(TRY(sys::open_at(names, ".", O_RDONLY | O_DIRECTORY)),
                             sys::LockMode::kExclusive);
}

// nullopt if nobody has ever had a name.
Result<std::optional<sys::DirFd>> open_names(const Pods& pods) {
  auto dir = sys::open_dir(pods.names_path());
  if (!dir && dir.error().sys_errno() == ENOENT) return std::optional<sys::DirFd>();
  if (!dir) return std::unexpected(dir.error());
  return std::optional(*std::move(dir));
}

}  // namespace

Result<> check_pod_name(std::string_view name) {
  const bool valid = !name.empty() && name.size() <= kLongestName && kFirst.contains(name.front()) &&
                     name.find_first_not_of(kOthers) == std::string_view::npos;
  if (!valid)
    return fail(ErrorKind::kInvalidInput,
                "'{}' is no name for a pod: up to {} of a-z, 0-9, '_', '.' and '-', a letter or digit first",
                printable(name), kLongestName);
  if (name.size() >= kShortUuid && name.find_first_not_of("0123456789abcdef-") == std::string_view::npos)
    return fail(ErrorKind::kInvalidInput, "'{}' is no name for a pod: it could be taken for a UUID", name);
  return {};
}

Result<> check_name_free(const Pods& pods, const std::string& name) {
  const auto names = TRY(open_names(pods));
  return names ? refuse_taken(pods, *names, name) : Result<>();
}

Result<> take_pod_name(const Pods& pods, const Pod& pod, const std::string& name) {
  TRY(sys::make_dir(sys::at_cwd(), pods.names_path(), kDirectoryMode));
  const sys::DirFd names = TRY(sys::open_dir(pods.names_path()));
  const sys::FileLock lock = TRY(lock_names(names));
  TRY(refuse_taken(pods, names, name));
  TRY(sys::write_file(pod.dir(), paths::kPodName, name));
  TRY(sys::remove_file(names, name));
  return sys::make_symlink(pod.uuid().str(), names, name);
}

Result<> free_pod_name(const Pods& pods, const Pod& pod) {
  const std::string name = TRY(read_pod_name(pod.dir()));
  if (name.empty() || !check_pod_name(name)) return {};
  const auto names = TRY(open_names(pods));
  if (!names) return {};
  const sys::FileLock lock = TRY(lock_names(*names));
  const auto owner = TRY(owner_of(*names, name));
  return owner && *owner == pod.uuid() ? sys::remove_file(*names, name) : Result<>();
}

Result<std::optional<Uuid>> look_up_pod_name(const Pods& pods, std::string_view name) {
  if (!check_pod_name(name)) return std::optional<Uuid>();
  const auto names = TRY(open_names(pods));
  return names ? owner_of(*names, std::string(name)) : Result<std::optional<Uuid>>(std::nullopt);
}

Result<std::string> read_pod_name(const sys::DirFd& pod) {
  const auto text = sys::read_file(pod, paths::kPodName, kLongestName);
  if (text) return *text;
  if (text.error().sys_errno() == ENOENT) return std::string();
  return std::unexpected(text.error());
}

}  // namespace agena::stage0
