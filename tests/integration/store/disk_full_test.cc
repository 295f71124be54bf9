// A store on a file system that is too small: a clear error, nothing stays, and the store goes on working.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "stage0/care/extract.h"
#include "stage0/care/repair.h"
#include "tests/integration/store/images.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using test::ok;

std::string noise(std::size_t size) {
  std::mt19937_64 random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// In a process with a mount namespace of its own, so that no mount outlives the test.
void in_private_namespace(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      std::perror("a private mount namespace");
      ::_exit(1);
    }
    body();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(DiskFullTest, AnImportThatDoesNotFitLeavesTheStoreUnharmed) {
  const test::TempDir dir;
  LayoutBuilder layout(dir.path() + "/layout");
  const std::string small = layout.add("small", {one_file("small", "s")});
  const std::string large =
      layout.add("large", {one_file("first", "f"), one_file("large", noise(8U << 20U))});
  write_bytes(dir.path() + "/large.aci", aci_bytes("example.com/large", {{"large", noise(8U << 20U)}}));
  ASSERT_TRUE(ok(sys::make_dir(dir.dir(), "data")));
  in_private_namespace([&] {
    const std::string data_dir = dir.path() + "/data";
    ASSERT_EQ(::mount("tmpfs", data_dir.c_str(), "tmpfs", 0, "size=4m"), 0);
    auto store = Store::open(data_dir, Store::Mode::kReadWrite);
    ASSERT_TRUE(ok(store));
    ASSERT_TRUE(ok(import_text(*store, small)));
    for (const std::string& reference : {large, dir.path() + "/large.aci"}) {
      const auto record = import_text(*store, reference);
      ASSERT_FALSE(record);
      EXPECT_EQ(record.error().sys_errno(), ENOSPC) << error_of(record);
      EXPECT_NE(error_of(record).find("no space left on device"), std::string::npos) << error_of(record);
      EXPECT_EQ(find_faults(data_dir), "");
      const auto layers = sys::list_dir(sys::at_cwd(), data_dir + "/cas/layers");
      ASSERT_TRUE(ok(layers));
      EXPECT_EQ(layers->size(), 1U);
    }
    const std::string other = layout.add("other", {one_file("other", "o")});
    EXPECT_TRUE(ok(import_text(*store, other)));
    EXPECT_EQ(find_faults(data_dir), "");
  });
}

TEST(DiskFullTest, ImagesAreFoundWhereNothingCanBeWritten) {
  const test::TempDir dir;
  LayoutBuilder layout(dir.path() + "/layout");
  const std::string text = layout.add("a", {one_file("small", "s")});
  ASSERT_TRUE(ok(sys::make_dir(dir.dir(), "data")));
  in_private_namespace([&] {
    const std::string data_dir = dir.path() + "/data";
    ASSERT_EQ(::mount("tmpfs", data_dir.c_str(), "tmpfs", 0, "size=2m"), 0);
    std::string id;
    {
      auto store = Store::open(data_dir, Store::Mode::kReadWrite);
      ASSERT_TRUE(ok(store));
      const auto record = import_text(*store, text);
      ASSERT_TRUE(ok(record));
      id = record->id;
    }
    for (const char* suffix : {"", "-wal", "-shm"})
      ASSERT_TRUE(ok(sys::remove_file(sys::at_cwd(), data_dir + "/cas/index.db" + suffix)));
    // Not a byte is left for an index.
    const sys::UniqueFd fill = *sys::open_at(sys::at_cwd(), data_dir + "/fill", O_WRONLY | O_CREAT, 0600);
    while (::write(fill.get(), std::string(4096, 'x').data(), 4096) > 0) continue;
    auto store = Store::open(data_dir, Store::Mode::kReadWrite);
    ASSERT_TRUE(ok(store));
    const auto found = store->find_image("layout:a");
    ASSERT_TRUE(ok(found));
    EXPECT_EQ(found->id, id);
    // Making room by removing an image must be possible.
    EXPECT_TRUE(ok(store->remove_image(id)));
    EXPECT_FALSE(store->find_image("layout:a"));
    ASSERT_TRUE(ok(store->sweep_layers([]() -> Result<std::set<LayerKey>> { return std::set<LayerKey>{}; })));
    const auto layers = sys::list_dir(sys::at_cwd(), data_dir + "/cas/layers");
    ASSERT_TRUE(ok(layers));
    EXPECT_TRUE(layers->empty());
  });
}

TEST(DiskFullTest, NamesRepairAndFilesOfImagesAreAllOrNothing) {
  const test::TempDir dir;
  LayoutBuilder layout(dir.path() + "/layout");
  const std::string text = layout.add("a", {one_file("large", noise(1U << 20U))});
  ASSERT_TRUE(ok(sys::make_dir(dir.dir(), "data")));
  in_private_namespace([&] {
    const std::string data_dir = dir.path() + "/data";
    ASSERT_EQ(::mount("tmpfs", data_dir.c_str(), "tmpfs", 0, "size=4m"), 0);
    auto store = Store::open(data_dir, Store::Mode::kReadWrite);
    ASSERT_TRUE(ok(store));
    const auto record = import_text(*store, text);
    ASSERT_TRUE(ok(record));
    // Not a byte is left.
    const sys::UniqueFd fill = *sys::open_at(sys::at_cwd(), data_dir + "/fill", O_WRONLY | O_CREAT, 0600);
    while (::write(fill.get(), std::string(4096, 'x').data(), 4096) > 0) continue;
    const auto tagged = store->add_name(record->id, "docker.io/library/x:1");
    ASSERT_FALSE(tagged);
    EXPECT_EQ(tagged.error().sys_errno(), ENOSPC) << error_of(tagged);
    EXPECT_FALSE(store->find_image("x:1"));
    const auto extracted =
        extract_image(*store, *record, {.directory = data_dir + "/out", .data_dir = data_dir});
    ASSERT_FALSE(extracted);
    EXPECT_EQ(extracted.error().sys_errno(), ENOSPC) << error_of(extracted);
    EXPECT_EQ(sys::list_dir(sys::at_cwd(), data_dir)->size(), 3U);  // cas, fill, locks

    // A damaged layer makes room for its repair, unless that needs more than it had.
    const std::string key = record->layers.front().key.str();
    const std::string file = data_dir + "/cas/layers/" + key + "/fs/d/large";
    ASSERT_EQ(::truncate(file.c_str(), 10), 0);
    while (::write(fill.get(), std::string(4096, 'x').data(), 4096) > 0) continue;
    const Refetch refetch = [&](const std::string& reference) { return import_text(*store, reference); };
    ImageCheck check = ASSERT_VALUE(check_image(*store, *record));
    ASSERT_EQ(check.faults.size(), 1U);
    const auto failed = repair_image(*store, data_dir, check, refetch);
    ASSERT_FALSE(failed);
    EXPECT_NE(error_of(failed).find("no space left on device"), std::string::npos) << error_of(failed);
    EXPECT_TRUE(*store->has_layer(record->layers.front().key));
    ASSERT_EQ(::ftruncate(fill.get(), 0), 0);
    ASSERT_TRUE(ok(repair_image(*store, data_dir, check, refetch)));
    EXPECT_EQ(find_faults(data_dir), "");
  });
}

}  // namespace
}  // namespace agena::stage0
