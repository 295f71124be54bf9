// Result and Error: how every fallible function of the project reports failure. No exceptions cross a module
// border.
#pragma once

#include <cerrno>
#include <expected>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace agena {

// What sort of failure it is; few, because callers decide by it (exit codes, retries, hints).
enum class ErrorKind {
  kInvalidInput,   // the caller's text, file or flag is wrong
  kNotFound,       // the named thing does not exist
  kAlreadyExists,  // the named thing exists and must not
  kBusy,           // somebody else holds the lock
  kPermission,     // EACCES and EPERM
  kUnsupported,    // this kernel, host or stage1 cannot do it
  kVerification,   // a digest, size or signature does not hold
  kNetwork,        // a remote peer
  kSystem,         // any other failed system call
  kInternal,       // our own fault
};

// Stable lower-case name of a kind, as printed in JSON.
const char* to_string(ErrorKind kind);

// A failure: what happened (message), in the course of what (contexts, innermost first), and the errno if
// there was one.
class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message, int sys_errno = 0,
        std::source_location where = std::source_location::current());

  ErrorKind kind() const { return kind_; }
  // errno of the failed system call, 0 if none failed.
  int sys_errno() const { return sys_errno_; }
  // The innermost message, without contexts; includes the errno's text.
  const std::string& message() const { return message_; }
  // One advice to the user, or empty.
  const std::string& hint() const { return hint_; }
  const std::source_location& where() const { return where_; }
  const std::vector<std::string>& contexts() const { return contexts_; }

  // Adds an outer clause: "preparing app 'redis'".
  Error&& with_context(std::string context) &&;
  Error&& with_hint(std::string hint) &&;

  // "outermost: …: innermost: message": one line for the user.
  std::string to_string() const;
  // Each level on a line of its own, indented two more, led by "└─", with the source location last (--debug).
  std::string to_tree() const;

 private:
  ErrorKind kind_;
  int sys_errno_;
  std::string message_;
  std::string hint_;
  std::vector<std::string> contexts_;
  std::source_location where_;
};

template <class T = void>
using Result = std::expected<T, Error>;

// Kind that an errno maps to: ENOENT -> kNotFound, EACCES -> kPermission, ...
ErrorKind kind_of_errno(int sys_errno);

// Format string that remembers where it was written, so that fail() can record its caller.
template <class... Args>
struct LocatedFormat {
  fmt::format_string<Args...> format;
  std::source_location where;
  template <class S>
  // NOLINTNEXTLINE(google-explicit-constructor): implicit by purpose, as fmt's own format strings are.
  consteval LocatedFormat(const S& s, std::source_location w = std::source_location::current())
      : format(s), where(w) {}
};

// An error value to return: `return fail(ErrorKind::kNotFound, "no image '{}'", name);`
template <class... Args>
std::unexpected<Error> fail(ErrorKind kind, LocatedFormat<std::type_identity_t<Args>...> f, Args&&... args) {
  return std::unexpected(Error(kind, fmt::format(f.format, std::forward<Args>(args)...), 0, f.where));
}

// Text of an errno ("No such file or directory" becomes "no such file or directory"), thread-safe.
std::string errno_text(int sys_errno);

// As fail(), for the errno given: appends ": <errno text>" to the message.
template <class... Args>
std::unexpected<Error> errno_fail(int sys_errno, LocatedFormat<std::type_identity_t<Args>...> f,
                                  Args&&... args) {
  return std::unexpected(Error(
      kind_of_errno(sys_errno),
      fmt::format(f.format, std::forward<Args>(args)...) + ": " + errno_text(sys_errno), sys_errno, f.where));
}

// As errno_fail() for the current errno. The format arguments must not clobber errno before the call.
template <class... Args>
std::unexpected<Error> sys_fail(LocatedFormat<std::type_identity_t<Args>...> f, Args&&... args) {
  const int saved = errno;
  return std::unexpected(Error(kind_of_errno(saved),
                               fmt::format(f.format, std::forward<Args>(args)...) + ": " + errno_text(saved),
                               saved, f.where));
}

// Several failures that must all be told (validation, teardown, gc).
class ErrorList {
 public:
  void add(Error error) { errors_.push_back(std::move(error)); }
  template <class T>
  void add_if(Result<T> result) {
    if (!result) add(std::move(result).error());
  }
  bool empty() const { return errors_.empty(); }
  const std::vector<Error>& errors() const { return errors_; }
  // Success when empty; the single error; or one error of the first one's kind whose message joins all by ";
  // ".
  Result<> to_result() const;

 private:
  std::vector<Error> errors_;
};

}  // namespace agena

#define AGENA_CONCAT2(a, b) a##b
#define AGENA_CONCAT(a, b) AGENA_CONCAT2(a, b)

// Value of a Result, or return its error from the enclosing function.
#define TRY(expr) AGENA_TRY_IMPL(AGENA_CONCAT(try_result_, __COUNTER__), expr)
#define AGENA_TRY_IMPL(name, expr)                     \
  __extension__({                                      \
    auto name = (expr);                                \
    if (!name) [[unlikely]]                            \
      return std::unexpected(std::move(name).error()); \
    ::agena::detail::unwrap(std::move(name));          \
  })

// As TRY, adding a context clause (a fmt format string with arguments) to the error.
#define TRY_CTX(expr, ...) AGENA_TRY_CTX_IMPL(AGENA_CONCAT(try_result_, __COUNTER__), expr, __VA_ARGS__)
#define AGENA_TRY_CTX_IMPL(name, expr, ...)                                                   \
  __extension__({                                                                             \
    auto name = (expr);                                                                       \
    if (!name) [[unlikely]]                                                                   \
      return std::unexpected(std::move(name).error().with_context(fmt::format(__VA_ARGS__))); \
    ::agena::detail::unwrap(std::move(name));                                                 \
  })

namespace agena::detail {
template <class T>
T unwrap(std::expected<T, Error>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
}  // namespace agena::detail
