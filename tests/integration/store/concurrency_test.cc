// A hundred processes that import, use and remove the same and different images at once.
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "tests/integration/store/images.h"

namespace agena::stage0 {
namespace {

constexpr int kProcesses = 100;
constexpr int kRounds = 4;
constexpr int kImages = 5;

// Images 0 to kImages-1 share their base; each says in d/me which one it is.
std::vector<std::string> make_images(const std::string& dir) {
  std::vector<std::string> references;
  LayoutBuilder layout(dir + "/layout");
  const std::string base = one_file("base", std::string(20'000, 'b'));
  for (int i = 0; i + 1 < kImages; ++i)
    references.push_back(layout.add("t" + std::to_string(i), {base, one_file("me", std::to_string(i)),
                                                              one_file("more", std::string(500, 'm'))}));
  write_bytes(dir + "/last.aci", aci_bytes("example.com/last", {{"d/me", std::to_string(kImages - 1)}}));
  references.push_back(dir + "/last.aci");
  return references;
}

// As a pod's maker does: under the shared lock, the image is found and its layers are opened; they must be
// whole.
Result<> use_image(Store& store, const std::string& reference, int number) {
  const Reference parsed = TRY(parse_reference(reference));
  for (int attempt = 0; attempt < 20; ++attempt) {
    const ImageRecord imported = TRY(import_image(store, parsed));
    const sys::FileLock lock = TRY(store.lock_prepare(sys::LockMode::kShared));
    const auto record = store.read_image(imported.id);
    // Somebody removed it again before we had the lock.
    if (!record && record.error().kind() == ErrorKind::kNotFound) continue;
    if (!record) return std::unexpected(record.error());
    bool found = false;
    for (const LayerUse& layer : record->layers) {
      const sys::DirFd fs = TRY(store.open_layer_fs(layer.key));
      const auto me = sys::read_file(fs, "d/me");
      if (me && *me != std::to_string(number))
        return fail(ErrorKind::kVerification, "image {} has the content of {}", number, *me);
      if (me) found = true;
    }
    if (!found) return fail(ErrorKind::kVerification, "image {} is not whole", number);
    return store.touch_last_used(record->id);
  }
  return {};
}

Result<> work(const std::string& data_dir, const std::vector<std::string>& references, unsigned seed) {
  std::mt19937 random(seed);
  Store store = TRY(Store::open(data_dir, Store::Mode::kReadWrite));
  for (int round = 0; round < kRounds; ++round) {
    const int number = static_cast<int>(random() % kImages);
    const std::string& reference = references[static_cast<std::size_t>(number)];
    switch (random() % 8) {
      case 0: {
        const auto images = TRY(store.list_images());
        if (images.empty()) break;
        const auto removed = store.remove_image(images[random() % images.size()].id);
        if (!removed && removed.error().kind() != ErrorKind::kNotFound) return removed;
        break;
      }
      case 1:
        TRY(store.sweep_layers([]() -> Result<std::set<LayerKey>> { return std::set<LayerKey>{}; }));
        break;
      case 2: {
        const auto found = store.find_image("layout:t0");
        if (!found && found.error().kind() != ErrorKind::kNotFound) return std::unexpected(found.error());
        break;
      }
      default:
        TRY(use_image(store, reference, number));
    }
  }
  return {};
}

TEST(ConcurrencyTest, AHundredProcessesEndConsistent) {
  const test::TempDir dir;
  const std::string data_dir = dir.path() + "/data";
  const std::vector<std::string> references = make_images(dir.path());
  std::vector<pid_t> children;
  for (unsigned i = 0; i < kProcesses; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      const auto done = work(data_dir, references, i);
      if (!done) std::fprintf(stderr, "process %u: %s\n", i, done.error().to_string().c_str());
      ::_exit(done ? 0 : 1);
    }
    children.push_back(pid);
  }
  int failed = 0;
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    if (status != 0) ++failed;
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(find_faults(data_dir), "");
}

}  // namespace
}  // namespace agena::stage0
