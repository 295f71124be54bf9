#include "stage0/pod/private_users.h"

#include <sys/random.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "common/sys/passwd.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr const char* kLock = "/locks/privateUsersLock";  // in the data directory

bool is_free(const sys::IdRange& range, std::span<const sys::IdRange> usable,
             std::span<const sys::IdRange> taken) {
  return std::ranges::any_of(usable, [&](const sys::IdRange& one) { return one.contains(range); }) &&
         std::ranges::none_of(taken, [&](const sys::IdRange& one) { return one.overlaps(range); });
}

}  // namespace

Result<sys::IdRange> choose_range(std::span<const sys::IdRange> usable, std::span<const sys::IdRange> taken,
                                  std::uint32_t start) {
  constexpr std::uint32_t kRanges = kPrivateUsersSpace.count / kPrivateUsersCount;
  for (std::uint32_t i = 0; i < kRanges; ++i) {
    const std::uint32_t index = (start % kRanges + i) % kRanges;
    const sys::IdRange range{kPrivateUsersSpace.first + index * kPrivateUsersCount, kPrivateUsersCount};
    if (is_free(range, usable, taken)) return range;
  }
  return std::unexpected(
      Error(ErrorKind::kBusy,
            fmt::format("no range of {} ids is free for a user namespace", kPrivateUsersCount))
          .with_hint("pods keep their ranges until they are removed (rm, gc); /etc/subuid, /etc/subgid and "
                     "the id map "
                     "of this process limit the choice"));
}

std::vector<sys::IdRange> parse_subordinate_ids(std::string_view text) {
  std::vector<sys::IdRange> ranges;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.size() != 3) continue;
    const auto range = sys::IdRange::parse(fields[1] + ":" + std::string(trim(fields[2])));
    if (range) ranges.push_back(*range);
  }
  return ranges;
}

std::vector<sys::IdRange> parse_id_map(std::string_view text) {
  std::vector<sys::IdRange> ranges;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& word : split(line, ' '))
      if (const auto number = parse_uint(word, UINT32_MAX))
        numbers.push_back(static_cast<std::uint32_t>(*number));
    // Inside, outside, count: what this process calls its ids is the first.
    if (numbers.size() == 3) ranges.push_back({numbers[0], numbers[2]});
  }
  return ranges;
}

namespace {

using Ranges = std::vector<sys::IdRange>;

// A missing file is an empty one.
Result<std::string> read_optional(sys::DirRef dir, const std::string& path) {
  auto text = sys::read_file(dir, path);
  if (!text && text.error().sys_errno() == ENOENT) return std::string();
  return text;
}

// Where both the users and the groups of this process allow ranges: all ids, unless it is in a user namespace
// itself.
Result<Ranges> usable_ranges() {
  Ranges both;
  const Ranges groups = parse_id_map(TRY(sys::read_file(sys::at_cwd(), "/proc/self/gid_map")));
  for (const sys::IdRange& users : parse_id_map(TRY(sys::read_file(sys::at_cwd(), "/proc/self/uid_map"))))
    for (const sys::IdRange& group : groups) {
      const std::uint32_t first = std::max(users.first, group.first);
      const std::uint64_t end =
          std::min(std::uint64_t{users.first} + users.count, std::uint64_t{group.first} + group.count);
      if (end > first) both.push_back({first, static_cast<std::uint32_t>(end - first)});
    }
  return both;
}

Result<> add_host_ids(Ranges& taken) {
  for (const char* file : {"/etc/subuid", "/etc/subgid"})
    std::ranges::copy(parse_subordinate_ids(TRY(read_optional(sys::at_cwd(), file))),
                      std::back_inserter(taken));
  for (const sys::PasswdEntry& user : sys::parse_passwd(TRY(read_optional(sys::at_cwd(), "/etc/passwd"))))
    taken.push_back({user.uid, 1});
  for (const sys::GroupEntry& group : sys::parse_group(TRY(read_optional(sys::at_cwd(), "/etc/group"))))
    taken.push_back({group.gid, 1});
  return {};
}

// Of a pod that will not run any more: what a crash of the machine has left of its files is nobody else's
// trouble.
bool is_leftover(const contract::PhaseRow& phase) {
  return phase.value == contract::PodDirectory::kGarbage ||
         phase.value == contract::PodDirectory::kExitedGarbage;
}

// Phases are looked at in the order of life, in which pods move, so none slips through; a pod whose
// directory goes away meanwhile needs its range no more.
Result<> add_ranges_of_pods(const Pods& pods, Ranges& taken) {
  for (const contract::PhaseRow& phase : contract::kPhases) {
    const auto names = sys::list_dir(pods.dir(), std::string(phase.directory));
    if (!names && names.error().sys_errno() == ENOENT) continue;
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      const std::string path = fmt::format("{}/{}/{}", phase.directory, name, paths::kPrivateUsers);
      const std::string text = TRY(read_optional(pods.dir(), path));
      if (text.empty()) continue;
      const auto range = sys::IdRange::parse(trim(text));
      if (range)
        taken.push_back(*range);
      else if (is_leftover(phase))
        log::warning("file '{}' is broken, and does not count: {}", path, range.error().to_string());
      else
        return std::unexpected(Error(range.error()).with_context(fmt::format("file '{}'", path)));
    }
  }
  return {};
}

}  // namespace

Result<sys::IdRange> assign_private_users(const std::string& data_dir, const Pods& pods, const Pod& pod) {
  const auto lock = TRY(sys::FileLock::wait(
      TRY(sys::open_at(sys::at_cwd(), data_dir + kLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0640)),
      sys::LockMode::kExclusive));
  Ranges taken;
  TRY(add_host_ids(taken));
  TRY(add_ranges_of_pods(pods, taken));
  std::uint32_t start = 0;
  if (::getrandom(&start, sizeof start, 0) != sizeof start) return sys_fail("drawing a random number");
  const sys::IdRange range = TRY(choose_range(TRY(usable_ranges()), taken, start));
  TRY(sys::replace_file(pod.dir(), paths::kPrivateUsers, range.str()));
  return range;
}

Result<std::optional<sys::IdRange>> read_private_users(const sys::DirFd& pod) {
  const std::string text = TRY(read_optional(pod, paths::kPrivateUsers));
  if (text.empty()) return std::optional<sys::IdRange>();
  return std::optional(TRY_CTX(sys::IdRange::parse(trim(text)), "file '{}'", paths::kPrivateUsers));
}

}  // namespace agena::stage0
