// SIGKILL at random instants: never half a layer, never an image without its layers, and the next one cleans
// up.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/integration/store/images.h"

namespace agena::stage0 {
namespace {

constexpr int kKills = 60;

// Imports, removes and sweeps until it is killed.
[[noreturn]] void churn(const std::string& data_dir, const std::vector<std::string>& references) {
  auto store = Store::open(data_dir, Store::Mode::kReadWrite);
  while (store) {
    for (const std::string& reference : references) {
      const auto record = import_text(*store, reference);
      if (!record) {
        std::fprintf(stderr, "%s\n", record.error().to_string().c_str());
        ::_exit(1);
      }
    }
    const auto images = store->list_images();
    if (images && !images->empty()) (void)store->remove_image(images->front().id);
    (void)store->sweep_layers([]() -> Result<std::set<LayerKey>> { return std::set<LayerKey>{}; });
  }
  std::fprintf(stderr, "%s\n", store.error().to_string().c_str());
  ::_exit(1);
}

TEST(KillTest, LeavesNoHalfLayerAtAnyInstant) {
  const test::TempDir dir;
  const std::string data_dir = dir.path() + "/data";
  LayoutBuilder layout(dir.path() + "/layout");
  const std::string base = one_file("base", std::string(2'000'000, 'b'));
  TarBuilder many;
  for (int i = 0; i < 200; ++i) many.file("file" + std::to_string(i), std::to_string(i));
  const std::vector<std::string> references = {layout.add("one", {base, many.done()}),
                                               layout.add("two", {base, one_file("two", "2")})};
  std::mt19937 random(20'240'607);
  for (int kill = 0; kill < kKills; ++kill) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) churn(data_dir, references);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    ASSERT_EQ(find_faults(data_dir), "") << "after kill " << kill;
  }
  auto store = Store::open(data_dir, Store::Mode::kReadWrite);
  ASSERT_TRUE(test::ok(store));
  for (const std::string& reference : references) EXPECT_TRUE(test::ok(import_text(*store, reference)));
  EXPECT_EQ(find_faults(data_dir), "");
}

}  // namespace
}  // namespace agena::stage0
