#include "common/contract/status_files.h"

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"

namespace agena::contract {
namespace {

constexpr std::size_t kMaxBytes = 64;

Result<std::optional<std::int64_t>> read_number(const sys::DirFd& dir, const std::string& path,
                                                std::int64_t max) {
  auto text = sys::read_file(dir, path, kMaxBytes);
  if (!text && text.error().sys_errno() == ENOENT) return std::optional<std::int64_t>();
  if (!text) return std::unexpected(std::move(text).error());
  return std::optional(TRY_CTX(parse_int(trim(*text), 0, max), "file '{}'", path));
}

}  // namespace

Result<> write_pid_file(const sys::DirFd& pod, const std::string& name, pid_t pid) {
  return sys::replace_file(pod, name, fmt::format("{}\n", pid));
}

Result<std::optional<pid_t>> read_pid_file(const sys::DirFd& pod, const std::string& name) {
  const auto number = TRY(read_number(pod, name, INT32_MAX));
  return number ? std::optional(static_cast<pid_t>(*number)) : std::nullopt;
}

Result<> write_app_status(const sys::DirFd& stage1_root, std::string_view app, int exit_code) {
  return sys::replace_file(stage1_root, pod_paths::app_status(app), fmt::format("{}", exit_code));
}

Result<std::optional<int>> read_app_status(const sys::DirFd& stage1_root, std::string_view app) {
  const auto number = TRY(read_number(stage1_root, pod_paths::app_status(app), 255));
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

Result<> write_oom_kills(const sys::DirFd& stage1_root, std::string_view app, std::uint64_t kills) {
  return sys::replace_file(stage1_root, pod_paths::app_oom_kills(app), fmt::format("{}", kills));
}

Result<std::uint64_t> read_oom_kills(const sys::DirFd& stage1_root, std::string_view app) {
  const auto number = TRY(read_number(stage1_root, pod_paths::app_oom_kills(app), INT64_MAX));
  return static_cast<std::uint64_t>(number.value_or(0));
}

}  // namespace agena::contract
