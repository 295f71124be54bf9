#include "stage1/net/host_local.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "common/sys/user_namespace.h"

namespace agena::stage1 {
namespace {

// The plugin holds the lock for milliseconds; whoever has it longer is stuck.
constexpr Nanoseconds kLockPatience = 60 * kSecond;
constexpr const char* kLockName = "lock";
constexpr std::string_view kLastReserved = "last_reserved_ip.";
constexpr mode_t kLockMode = 0750;
constexpr mode_t kFileMode = 0644;
// A container id and an interface's name; more is no reservation.
constexpr std::size_t kMostBytes = 4096;

std::string last_reserved_name(std::size_t set) { return fmt::format("{}{}", kLastReserved, set); }

std::string owner_text(const std::string& container_id, const std::string& interface) {
  return container_id + "\r\n" + interface;
}

std::string shown(const RangeSet& set) {
  std::vector<std::string> parts;
  for (const AddressRange& range : set)
    parts.push_back(range.first.to_string() + "-" + range.last.to_string());
  return join(parts, ",");
}

bool in_set(const RangeSet& set, const IpAddress& address) {
  return std::ranges::any_of(set, [&](const AddressRange& range) { return range.contains(address); });
}

// The network's directory with its lock held. What is made in it is the host's, also where the pod has ids of
// its own.
class Reservations {
 public:
  static Result<Reservations> open(const HostLocalConf& conf) {
    const std::string path = conf.data_dir + "/" + conf.network;
    sys::FileOwner owner = TRY(sys::FileOwner::become_self());
    auto dir = sys::open_dir(path);
    if (!dir && dir.error().kind() == ErrorKind::kNotFound) {
      TRY(sys::make_dirs(sys::at_cwd(), path));
      dir = sys::open_dir(path);
    }
    if (!dir) return std::unexpected(std::move(dir).error());
    auto lock_file = TRY(sys::open_at(*dir, kLockName, O_RDONLY | O_CREAT, kLockMode));
    auto lock =
        TRY_CTX(sys::FileLock::wait_at_most(std::move(lock_file), sys::LockMode::kExclusive, kLockPatience),
                "locking '{}/lock'", path);
    return Reservations(std::move(owner), *std::move(dir), std::move(lock));
  }

  // Who has the address; nullopt if nobody. What somebody was killed over while writing it (an empty file:
  // the plugin makes it first and fills it then, under the lock) is nobody's.
  Result<std::optional<std::string>> owner(const std::string& address) const {
    auto text = sys::read_file(dir_, address, kMostBytes);
    if (!text && text.error().kind() == ErrorKind::kNotFound) return std::optional<std::string>();
    if (!text) return std::unexpected(std::move(text).error());
    const std::string_view trimmed = trim(*text);
    if (trimmed.empty()) return std::optional<std::string>();
    return std::optional<std::string>(trimmed);
  }

  // Files of reservations with whose they are; the name is the address, but for what was killed while it was
  // about to become one.
  Result<std::vector<std::pair<std::string, std::string>>> all() const {
    std::vector<std::pair<std::string, std::string>> found;
    for (const std::string& name : TRY(sys::list_dir(dir_))) {
      if (name == kLockName || name.starts_with(kLastReserved)) continue;
      if (auto who = TRY(owner(name))) {
        found.emplace_back(name, *std::move(who));
      } else if (name.starts_with('.')) {
        // Whoever was about to write it had the lock, and is dead.
        TRY(sys::remove_file(dir_, name));
      }
    }
    return found;
  }

  // False if somebody has it.
  Result<bool> reserve(const IpAddress& address, std::size_t set, const std::string& owner_text) {
    const std::string name = address.to_string();
    if (TRY(owner(name))) return false;
    // In place at once with its content: killed at any instant, no reservation without an owner is left.
    TRY_CTX(sys::replace_file(dir_, name, owner_text, kFileMode), "reserving {}", name);
    if (auto noted = note_last(set, name); !noted) {
      (void)sys::remove_file(dir_, name);
      return std::unexpected(std::move(noted).error());
    }
    return true;
  }

  Result<> release(const std::string& address) { return sys::remove_file(dir_, address); }

  // Where the last round ended; nullopt if nothing was given yet.
  std::optional<IpAddress> last_reserved(std::size_t set) const {
    const auto text = sys::read_file(dir_, last_reserved_name(set), kMostBytes);
    if (!text) return std::nullopt;
    const auto address = IpAddress::parse(trim(*text));
    if (!address) return std::nullopt;
    return *address;
  }

 private:
  // In place: truncating the file on each turn makes ext4 wait for the disk. It is read under the lock, and
  // what is wrong in it costs nothing but the turn.
  Result<> note_last(std::size_t set, const std::string& name) {
    const sys::UniqueFd file =
        TRY(sys::open_at(dir_, last_reserved_name(set), O_WRONLY | O_CREAT, kFileMode));
    struct stat st{};
    if (::fstat(file.get(), &st) != 0) return sys_fail("looking at '{}'", last_reserved_name(set));
    TRY(sys::write_all(file.get(), name));
    if (st.st_size > static_cast<off_t>(name.size()) &&
        ::ftruncate(file.get(), static_cast<off_t>(name.size())) != 0)
      return sys_fail("writing '{}'", last_reserved_name(set));
    return {};
  }

  Reservations(sys::FileOwner owner, sys::DirFd dir, sys::FileLock lock)
      : owner_(std::move(owner)), dir_(std::move(dir)), lock_(std::move(lock)) {}
  sys::FileOwner owner_;
  sys::DirFd dir_;
  sys::FileLock lock_;
};

// Goes through all addresses of a set once, from the one behind `last` on, and round; gateways are passed
// over.
class Round {
 public:
  Round(const RangeSet& set, const std::optional<IpAddress>& last) : set_(set) {
    for (std::size_t i = 0; last && i < set.size(); ++i) {
      if (!set[i].contains(*last)) continue;
      range_ = i;
      current_ = *last;
      step();
      break;
    }
    if (!current_) current_ = set.front().first;
    start_ = *current_;
  }

  // The next address with its range; nullopt when the round is over.
  std::optional<std::pair<IpAddress, const AddressRange*>> next() {
    while (current_) {
      const IpAddress address = *current_;
      const AddressRange* range = &set_[range_];
      step();
      if (*current_ == start_) current_.reset();
      if (address != range->gateway) return std::pair(address, range);
    }
    return std::nullopt;
  }

 private:
  void step() {
    if (*current_ != set_[range_].last) {
      current_ = current_->next();
      return;
    }
    range_ = (range_ + 1) % set_.size();
    current_ = set_[range_].first;
  }

  const RangeSet& set_;
  std::size_t range_ = 0;
  std::optional<IpAddress> current_;
  IpAddress start_;
};

CniIp ip_of(const IpAddress& address, const AddressRange& range) {
  return {.address = {address, range.subnet.length}, .gateway = range.gateway};
}

Result<CniIp> reserve_wanted(Reservations& reservations, const RangeSet& set, std::size_t at,
                             const IpAddress& wanted, const std::string& owner) {
  const auto range = std::ranges::find_if(set, [&](const AddressRange& r) { return r.contains(wanted); });
  if (wanted == range->gateway)
    return fail(ErrorKind::kInvalidInput, "the requested address {} is the subnet's gateway",
                wanted.to_string());
  if (!TRY(reservations.reserve(wanted, at, owner)))
    return fail(ErrorKind::kAlreadyExists, "the requested address {} is not available in range set {}",
                wanted.to_string(), shown(set));
  return ip_of(wanted, *range);
}

Result<CniIp> reserve_next(Reservations& reservations, const RangeSet& set, std::size_t at,
                           const std::string& owner) {
  for (const auto& [name, who] : TRY(reservations.all())) {
    const auto address = IpAddress::parse(name);
    if (address && who == owner && in_set(set, *address))
      return fail(ErrorKind::kAlreadyExists, "{} has been allocated to this interface of the pod already",
                  name);
  }
  Round round(set, reservations.last_reserved(at));
  while (const auto candidate = round.next())
    if (TRY(reservations.reserve(candidate->first, at, owner)))
      return ip_of(candidate->first, *candidate->second);
  return std::unexpected(Error(ErrorKind::kNotFound, "no IP addresses available in range set: " + shown(set))
                             .with_hint("pods that have ended free theirs with 'gc'"));
}

// Takes the first wanted address that is in the set.
std::optional<IpAddress> take_wanted(std::vector<IpAddress>& wanted, const RangeSet& set) {
  const auto found =
      std::ranges::find_if(wanted, [&](const IpAddress& address) { return in_set(set, address); });
  if (found == wanted.end()) return std::nullopt;
  const IpAddress address = *found;
  wanted.erase(found);
  return address;
}

}  // namespace

Result<std::vector<CniIp>> reserve_addresses(const HostLocalConf& conf, const std::string& container_id,
                                             const std::string& interface) {
  // Told before anything is reserved.
  for (const IpAddress& address : conf.wanted)
    if (std::ranges::none_of(conf.sets, [&](const RangeSet& set) { return in_set(set, address); }))
      return fail(ErrorKind::kInvalidInput, "the requested address {} is in none of the network's ranges",
                  address.to_string());
  auto reservations = TRY(Reservations::open(conf));
  const std::string owner = owner_text(container_id, interface);
  std::vector<IpAddress> wanted = conf.wanted;
  std::vector<CniIp> ips;
  for (std::size_t at = 0; at < conf.sets.size(); ++at) {
    const auto asked = take_wanted(wanted, conf.sets[at]);
    auto ip = asked ? reserve_wanted(reservations, conf.sets[at], at, *asked, owner)
                    : reserve_next(reservations, conf.sets[at], at, owner);
    if (!ip) {
      for (const CniIp& given : ips) (void)reservations.release(given.address.address.to_string());
      return std::unexpected(std::move(ip).error());
    }
    ips.push_back(*std::move(ip));
  }
  if (!wanted.empty()) {
    for (const CniIp& given : ips) (void)reservations.release(given.address.address.to_string());
    return fail(ErrorKind::kInvalidInput, "{} is one requested address too many for its range set",
                wanted.front().to_string());
  }
  return ips;
}

Result<> release_addresses(const HostLocalConf& conf, const std::string& container_id,
                           const std::string& interface, std::span<const IpAddress> addresses) {
  if (!TRY(sys::exists(sys::at_cwd(), conf.data_dir + "/" + conf.network))) return {};
  auto reservations = TRY(Reservations::open(conf));
  const std::string owner = owner_text(container_id, interface);
  bool all_known = !addresses.empty();
  for (const IpAddress& address : addresses) {
    const std::string name = address.to_string();
    if (TRY(reservations.owner(name)) == owner)
      TRY(reservations.release(name));
    else
      all_known = false;
  }
  if (all_known) return {};
  // As the plugin: what old versions of it have written, without the interface, counts if nothing else does.
  bool found = false;
  const auto all = TRY(reservations.all());
  for (const auto& [name, who] : all) {
    if (who != owner) continue;
    TRY(reservations.release(name));
    found = true;
  }
  if (!found)
    for (const auto& [name, who] : all)
      if (who == container_id) TRY(reservations.release(name));
  return {};
}

}  // namespace agena::stage1
