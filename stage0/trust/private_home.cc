#include "stage0/trust/private_home.h"

#include <stdlib.h>
#include <unistd.h>

#include <string_view>

#include "common/base/log.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kPrefix = "agena-gnupg-";

// No questions, no agent, no key server, no web of trust: who is trusted is decided by us, from the store of
// keys.
constexpr std::string_view kSettings =
    "batch\n"
    "no-tty\n"
    "no-autostart\n"
    "disable-dirmngr\n"
    "no-auto-key-retrieve\n"
    "no-auto-key-locate\n"
    "no-auto-check-trustdb\n"
    "trust-model always\n"
    "import-options no-repair-keys\n";

std::string base_directory() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets variables.
  const char* set = ::getenv("TMPDIR");
  return set != nullptr && *set == '/' ? set : "/tmp";
}

// The directory, locked; an empty descriptor if somebody else uses it, or it is not ours.
sys::UniqueFd locked(const std::string& path) {
  auto dir = sys::open_dir(sys::at_cwd(), path, O_NOFOLLOW);
  struct stat st{};
  if (!dir || ::fstat(dir->get(), &st) != 0 || st.st_uid != ::geteuid()) return {};
  auto lock = sys::FileLock::try_now(sys::UniqueFd(dir->release()), sys::LockMode::kExclusive);
  if (!lock || !*lock) return {};
  return (*lock)->take();
}

void remove(const std::string& path) {
  if (const auto removed = sys::remove_tree(sys::at_cwd(), path); !removed)
    log::debug("trust: {}", removed.error().to_string());
}

// What processes left that were killed.
void remove_leftovers(const std::string& base) {
  const auto names = sys::list_dir(sys::at_cwd(), base);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix)) continue;
    const std::string path = fmt::format("{}/{}", base, name);
    if (const sys::UniqueFd lock = locked(path)) remove(path);
  }
}

}  // namespace

Result<PrivateHome> PrivateHome::create() {
  const std::string base = base_directory();
  remove_leftovers(base);
  // Somebody else's cleaning may come between the making and the locking of it.
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string path = fmt::format("{}/{}XXXXXX", base, kPrefix);
    if (::mkdtemp(path.data()) == nullptr)
      return sys_fail("creating a private directory for GnuPG in '{}'", base);
    sys::UniqueFd lock = locked(path);
    if (!lock) continue;
    PrivateHome home(std::move(path), std::move(lock));
    auto written = sys::write_file(sys::at_cwd(), home.path() + "/gpg.conf", kSettings, 0600);
    if (written) return home;
    if (written.error().kind() != ErrorKind::kNotFound)
      return std::unexpected(std::move(written).error().with_context(
          fmt::format("a private directory for GnuPG in '{}'", base)));
  }
  return fail(ErrorKind::kSystem, "no private directory for GnuPG can be made in '{}'", base);
}

PrivateHome::~PrivateHome() {
  if (lock_) remove(path_);
}

}  // namespace agena::stage0
