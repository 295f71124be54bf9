#include "common/base/result.h"

#include <array>
#include <cctype>
#include <cstring>

namespace agena {
namespace {

constexpr std::array kKindNames = {"invalid-input", "not-found",    "already-exists", "busy",   "permission",
                                   "unsupported",   "verification", "network",        "system", "internal"};

}  // namespace

const char* to_string(ErrorKind kind) { return kKindNames.at(static_cast<std::size_t>(kind)); }

ErrorKind kind_of_errno(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
    case ESRCH:
      return ErrorKind::kNotFound;
    case EEXIST:
      return ErrorKind::kAlreadyExists;
    case EACCES:
    case EPERM:
      return ErrorKind::kPermission;
    case EAGAIN:
    case EBUSY:
      return ErrorKind::kBusy;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorKind::kUnsupported;
    default:
      return ErrorKind::kSystem;
  }
}

std::string errno_text(int sys_errno) {
  std::array<char, 128> buffer{};
  std::string text = ::strerror_r(sys_errno, buffer.data(), buffer.size());
  // "Invalid argument" reads better in the middle of a line in lower case; "EOF"-like words stay.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

Error::Error(ErrorKind kind, std::string message, int sys_errno, std::source_location where)
    : kind_(kind), sys_errno_(sys_errno), message_(std::move(message)), where_(where) {}

Error&& Error::with_context(std::string context) && {
  contexts_.push_back(std::move(context));
  return std::move(*this);
}

Error&& Error::with_hint(std::string hint) && {
  if (hint_.empty()) hint_ = std::move(hint);
  return std::move(*this);
}

std::string Error::to_string() const {
  std::string text;
  for (auto it = contexts_.rbegin(); it != contexts_.rend(); ++it) text += *it + ": ";
  return text + message_;
}

std::string Error::to_tree() const {
  std::string text;
  std::string indent;
  auto level = [&](const std::string& line) {
    text += indent + (indent.empty() ? "" : "└─") + line + "\n";
    indent += "  ";
  };
  for (auto it = contexts_.rbegin(); it != contexts_.rend(); ++it) level(*it);
  level(message_);
  level(fmt::format("at {}:{}", where_.file_name(), where_.line()));
  text.pop_back();
  return text;
}

Result<> ErrorList::to_result() const {
  if (errors_.empty()) return {};
  if (errors_.size() == 1) return std::unexpected(errors_.front());
  std::string joined;
  for (const Error& error : errors_) joined += (joined.empty() ? "" : "; ") + error.to_string();
  return std::unexpected(
      Error(errors_.front().kind(), std::move(joined), errors_.front().sys_errno(), errors_.front().where()));
}

}  // namespace agena
