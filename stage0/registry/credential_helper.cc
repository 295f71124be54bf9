#include "stage0/registry/credential_helper.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/spawn.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxAnswer = 1U << 20U;
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// What helpers may need to find their secrets; nothing else of ours is theirs.
constexpr std::array kPassed = {
    "HOME",     "PATH", "LANG", "USER", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME"};

std::string search_path() {
  const char* path = ::secure_getenv("PATH");
  return path == nullptr || *path == '\0' ? kDefaultPath : path;
}

Result<std::string> find_program(const std::string& name) {
  const bool plain = !name.empty() && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!plain)
    return fail(ErrorKind::kInvalidInput, "'{}' is not the name of a credential helper", printable(name));
  const std::string file = "docker-credential-" + name;
  for (const std::string& directory : split(search_path(), ':')) {
    // A relative one would depend on where we are.
    if (!directory.starts_with('/')) continue;
    std::string path = directory + "/" + file;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(ErrorKind::kNotFound, "no program '{}' in PATH", file);
}

// Reads until the end of the stream or of the time.
Result<std::string> read_answer(int fd, Nanoseconds end) {
  std::string answer;
  std::array<char, 4096> buffer{};
  while (true) {
    const Nanoseconds left = end - monotonic_now();
    if (left <= 0) return fail(ErrorKind::kBusy, "no answer in time");
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left / 1'000'000) + 1);
    if (ready < 0 && errno != EINTR) return sys_fail("waiting for the answer");
    if (ready <= 0) continue;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("reading the answer");
    if (n == 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(n));
    if (answer.size() > kMaxAnswer) return fail(ErrorKind::kInvalidInput, "an answer without end");
  }
}

Result<std::optional<RegistryCredentials>> parse_answer(const std::string& answer) {
  const auto json = json_text::parse(answer);
  if (!json || !json->is_object()) return fail(ErrorKind::kInvalidInput, "its answer is not a JSON object");
  JsonProblems problems("answer");
  const JsonNode root(*json, problems);
  const auto text = [&](const char* key) {
    const auto node = root.find(key);
    return node && node->raw().is_string() ? node->as_string().value_or("") : std::string();
  };
  const std::string user = text("Username");
  const std::string password = text("Secret");
  if (password.empty()) return std::nullopt;
  if (user == "<token>") return RegistryCredentials{.identity_token = password};
  return RegistryCredentials{.user = user, .password = password};
}

Result<std::optional<RegistryCredentials>> ask(const std::string& name, const std::string& server,
                                               Nanoseconds at_most) {
  const std::string program = TRY(find_program(name));
  sys::Pipe in = TRY(sys::make_pipe());
  sys::Pipe out = TRY(sys::make_pipe());
  // All of it, before anybody reads: a host fits into a pipe.
  TRY(sys::write_all(in.write.get(), std::string_view(server).substr(0, PIPE_BUF)));
  in.write.reset();
  const sys::UniqueFd null = TRY(sys::open_at(sys::at_cwd(), "/dev/null", O_RDWR));
  sys::SpawnPlan plan;
  plan.path = program;
  plan.argv = {program, "get"};
  plan.environment.emplace();
  for (const char* variable : kPassed)
    if (const char* value = ::secure_getenv(variable))
      plan.environment->push_back(std::string(variable) + "=" + value);
  // What it says on stderr could hold secrets.
  plan.fds = {{in.read.get(), 0}, {out.write.get(), 1}, {null.get(), 2}};
  plan.death_signal = SIGKILL;
  plan.own_process_group = true;
  sys::Child child = TRY(sys::spawn(plan));
  in.read.reset();
  out.write.reset();
  const Nanoseconds end = monotonic_now() + at_most;
  const std::string answer = TRY(read_answer(out.read.get(), end));
  // It may live on without a stdout; then it is killed with `child`.
  if (!TRY(sys::wait_for_end(child.fd(), std::max<Nanoseconds>(end - monotonic_now(), 0))))
    return fail(ErrorKind::kBusy, "it does not end in time");
  const sys::ExitStatus status = TRY(child.wait());
  if (!status.success()) {
    if (answer.contains("credentials not found")) return std::nullopt;
    return fail(ErrorKind::kSystem, "it failed");
  }
  return parse_answer(answer);
}

}  // namespace

Result<std::optional<RegistryCredentials>> ask_credential_helper(const std::string& name,
                                                                 const std::string& server,
                                                                 Nanoseconds at_most) {
  return TRY_CTX(ask(name, server, at_most), "credential helper '{}'", printable(name));
}

}  // namespace agena::stage0
