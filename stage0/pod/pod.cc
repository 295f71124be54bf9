#include "stage0/pod/pod.h"

#include <sys/file.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <map>

#include "common/base/cleanup.h"
#include "common/base/strings.h"
#include "stage0/pod/pod_hint.h"
#include "stage0/pod/pod_name.h"
#include "stage0/pod/pod_watch.h"
#include "stage0/store/data_dir.h"

namespace agena::stage0 {
namespace {

using contract::kPhases;
using contract::name_of;
using contract::phase_row;

// The set-gid bit hands the group of the data directory down, so that members of that group may read.
constexpr mode_t kPodDirectoryMode = 02750;
constexpr std::size_t kUuidLength = 36;

// Whether the lock changes what a phase means; where it does not, readers leave it alone.
bool lock_matters(PodDirectory directory) {
  return phase_row(directory).locked != phase_row(directory).unlocked;
}

// flock(2) with LOCK_NB; false if somebody holds a conflicting lock.
Result<bool> try_flock(int fd, int operation) {
  while (::flock(fd, operation | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return sys_fail("locking a pod directory");
  }
  return true;
}

// True if nobody holds the lock exclusively. A failure to unlock cannot happen on an open descriptor.
Result<bool> shared_lock_is_free(int fd) {
  if (!TRY(try_flock(fd, LOCK_SH))) return false;
  (void)::flock(fd, LOCK_UN);
  return true;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::unexpected<Error> pod_is_gone(const Uuid& uuid) {
  return fail(ErrorKind::kNotFound, "pod '{}' does not exist", uuid.str());
}

}  // namespace

Result<Pods> Pods::open(const std::string& data_dir) {
  auto dir = sys::open_dir(data_dir + "/pods");
  if (!dir && dir.error().sys_errno() == ENOENT) return Pods(sys::DirFd(), data_dir);
  if (!dir) return std::unexpected(std::move(dir).error());
  return Pods(*std::move(dir), data_dir);
}

Result<Pods> Pods::create(const std::string& data_dir) {
  auto present = TRY(open(data_dir));
  // The last of the phase directories to be made tells that all are there.
  if (present.present() && TRY(sys::exists(present.dir(), std::string(kPhases.back().directory))))
    return present;
  TRY(make_data_dir(data_dir, ""));
  TRY(sys::make_dir(sys::at_cwd(), data_dir + "/pods", kPodDirectoryMode));
  sys::DirFd dir = TRY(sys::open_dir(data_dir + "/pods"));
  for (const auto& phase : kPhases) TRY(sys::make_dir(dir, std::string(phase.directory), kPodDirectoryMode));
  return Pods(std::move(dir), data_dir);
}

std::string Pods::path_of(PodDirectory directory, const Uuid& uuid) {
  return std::string(name_of(directory)) + "/" + uuid.str();
}

Result<Pod> Pod::create(const Pods& pods) {
  // gc may sweep an embryo away in the instant before it is locked; then there is another UUID to be had.
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    const Uuid uuid = TRY(Uuid::random());
    TRY(sys::make_dir(pods.dir(), Pods::path_of(PodDirectory::kEmbryo, uuid), kPodDirectoryMode));
    auto pod = open_in(pods, PodDirectory::kEmbryo, uuid);
    if (!pod && pod.error().kind() == ErrorKind::kNotFound) continue;
    if (!pod) return pod;
    const auto locked = pod->lock();
    if (!locked && locked.error().kind() != ErrorKind::kSystem) continue;
    if (!locked) return std::unexpected(locked.error());
    TRY(pod->move_to(PodDirectory::kPrepare));
    return pod;
  }
  return fail(ErrorKind::kBusy, "cannot create a pod directory: something keeps removing it");
}

Result<Pod> Pod::open_in(const Pods& pods, PodDirectory directory, const Uuid& uuid) {
  if (!pods.present()) return pod_is_gone(uuid);
  auto dir = sys::open_dir(pods.dir(), Pods::path_of(directory, uuid), O_NOFOLLOW);
  if (!dir && dir.error().sys_errno() == ENOENT) return pod_is_gone(uuid);
  if (!dir) return std::unexpected(std::move(dir).error());
  return Pod(pods, uuid, directory, *std::move(dir));
}

Result<Pod> Pod::open(const Pods& pods, const Uuid& uuid) {
  // Pods only move forward, so looking in the order of life misses none.
  for (const auto& phase : kPhases) {
    auto pod = open_in(pods, phase.value, uuid);
    if (pod || pod.error().kind() != ErrorKind::kNotFound) return pod;
  }
  return pod_is_gone(uuid);
}

Result<bool> Pod::still_there() const {
  struct stat own{};
  struct stat named{};
  if (::fstat(dir_.get(), &own) != 0) return sys_fail("reading attributes of pod '{}'", uuid_.str());
  if (::fstatat(pods_->dir().get(), Pods::path_of(directory_, uuid_).c_str(), &named, AT_SYMLINK_NOFOLLOW) !=
      0) {
    if (errno == ENOENT) return false;
    return sys_fail("looking for pod '{}'", uuid_.str());
  }
  return same_file(own, named);
}

Result<> Pod::follow() {
  for (const auto& phase : kPhases) {
    if (phase.value < directory_) continue;
    directory_ = phase.value;
    if (TRY(still_there())) return {};
  }
  return pod_is_gone(uuid_);
}

Result<PodState> Pod::state() {
  // Each round that finds the pod moved has seen it go forward, and there are only so many phases.
  for (std::size_t i = 0; i <= kPhases.size(); ++i) {
    bool held = locked_;
    if (!locked_ && lock_matters(directory_)) held = !TRY(shared_lock_is_free(dir_.get()));
    // The lock was tested while the pod was in the directory that it still is in.
    if (TRY(still_there())) return contract::state_of(directory_, held);
    TRY(follow());
  }
  return pod_is_gone(uuid_);
}

Result<> Pod::lock() {
  if (locked_) return {};
  constexpr Nanoseconds kPatience = 2 * kSecond;
  constexpr timespec kPause{0, 200'000};
  const Nanoseconds deadline = monotonic_now() + kPatience;
  while (!TRY(try_flock(dir_.get(), LOCK_EX))) {
    // flock has no way to wait for shared holders only, and readers hold it for microseconds.
    if (!TRY(shared_lock_is_free(dir_.get())) || monotonic_now() > deadline)
      return fail(ErrorKind::kBusy, "pod '{}' is locked by another process", uuid_.str());
    (void)::nanosleep(&kPause, nullptr);
  }
  locked_ = true;
  if (TRY(still_there())) return {};
  unlock();
  return fail(ErrorKind::kNotFound, "pod '{}' was moved or removed meanwhile", uuid_.str());
}

Result<> Pod::hold() {
  if (locked_) return {};
  if (!TRY(try_flock(dir_.get(), LOCK_SH)))
    return fail(ErrorKind::kBusy, "pod '{}' is locked by another process", uuid_.str());
  if (TRY(still_there())) return {};
  (void)::flock(dir_.get(), LOCK_UN);
  return fail(ErrorKind::kNotFound, "pod '{}' was moved or removed meanwhile", uuid_.str());
}

Result<bool> Pod::wait_unlocked(std::optional<Nanoseconds> timeout) {
  const WaitLimit limit(timeout);
  // The watch comes first: a lock freed between the test and the wait wakes it.
  PodWatch watch({dir_.get()});
  while (!TRY(shared_lock_is_free(dir_.get())))
    if (!TRY(watch.wait(limit))) return false;
  return true;
}

void Pod::unlock() {
  (void)::flock(dir_.get(), LOCK_UN);
  locked_ = false;
}

Result<sys::UniqueFd> Pod::release_lock() {
  auto fd = TRY(sys::duplicate(dir_.get()));
  locked_ = false;
  return fd;
}

Result<> Pod::move_to(PodDirectory directory, sys::Durability durability) {
  TRY(sys::rename_at(pods_->dir(), Pods::path_of(directory_, uuid_), pods_->dir(),
                     Pods::path_of(directory, uuid_)));
  const PodDirectory before = std::exchange(directory_, directory);
  if (durability == sys::Durability::kSync) {
    TRY(sys::sync_dir(pods_->dir(), std::string(name_of(directory))));
    TRY(sys::sync_dir(pods_->dir(), std::string(name_of(before))));
  }
  return {};
}

std::span<const PodDirectory> visible_phases() {
  static constexpr std::array kVisible = {PodDirectory::kPrepare, PodDirectory::kPrepared, PodDirectory::kRun,
                                          PodDirectory::kExitedGarbage};
  return kVisible;
}

Result<std::vector<PodRef>> scan_pods(const Pods& pods, std::span<const PodDirectory> phases) {
  std::map<std::string, PodRef> found;
  if (!pods.present()) return std::vector<PodRef>();
  for (const PodDirectory phase : phases) {
    auto names = sys::list_dir(pods.dir(), std::string(name_of(phase)));
    if (!names && names.error().sys_errno() == ENOENT) continue;
    if (!names) return std::unexpected(std::move(names).error());
    for (const std::string& name : *names) {
      auto uuid = Uuid::parse(name);
      // A pod met twice moved on between the two looks: the later phase counts.
      if (uuid && uuid->str() == name) found.insert_or_assign(name, PodRef{*std::move(uuid), phase});
    }
  }
  std::vector<PodRef> refs;
  refs.reserve(found.size());
  for (auto& [name, ref] : found) refs.push_back(std::move(ref));
  return refs;
}

namespace {

// kNotFound if it is in none of the phases that a user can name.
Result<Pod> open_visible(const Pods& pods, const Uuid& uuid) {
  for (const PodDirectory phase : visible_phases()) {
    auto pod = Pod::open_in(pods, phase, uuid);
    if (pod || pod.error().kind() != ErrorKind::kNotFound) return pod;
  }
  return pod_is_gone(uuid);
}

}  // namespace

Result<Pod> find_pod(const Pods& pods, std::string_view text) {
  const std::string prefix = to_lower(trim(text));
  if (prefix.empty()) return fail(ErrorKind::kInvalidInput, "UUID cannot be empty");
  const auto no_match = [&] {
    return std::unexpected(
        Error(ErrorKind::kNotFound, fmt::format("no matches found for \"{}\"", printable(prefix)))
            .with_hint(hint_at_pods(pods, prefix)));
  };
  auto named = prefix.size() == kUuidLength ? std::nullopt : TRY(look_up_pod_name(pods, prefix));
  const auto whole = prefix.size() == kUuidLength ? Uuid::parse(prefix)
                                                  : Result<Uuid>(fail(ErrorKind::kNotFound, "no UUID"));
  if (named || whole) {
    auto pod = open_visible(pods, named ? *named : *whole);
    if (pod || pod.error().kind() != ErrorKind::kNotFound) return pod;
    if (!named) return no_match();
    // The pod of the name is gone.
  } else if (prefix.size() == kUuidLength) {
    return no_match();
  }
  const auto refs = TRY(scan_pods(pods, visible_phases()));
  const PodRef* match = nullptr;
  std::size_t matches = 0;
  for (const PodRef& ref : refs) {
    if (!ref.uuid.str().starts_with(prefix)) continue;
    match = &ref;
    ++matches;
  }
  if (matches == 0) return no_match();
  if (matches > 1)
    return std::unexpected(Error(ErrorKind::kInvalidInput, fmt::format("ambiguous uuid, {} matches", matches))
                               .with_hint("more digits, or the pod's name, make it clear"));
  return Pod::open(pods, match->uuid);
}

}  // namespace agena::stage0
