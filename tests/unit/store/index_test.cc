// The index is a cache: whatever happens to it, images are found.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage0/store/sqlite.h"
#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using test::ok;

class IndexTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(ok(add_layers(store(), {"a"})));
    ASSERT_TRUE(ok(store().commit_image(record_of("one", {"a"}, "example.com/one"))));
  }
  std::string index_path() const { return data_dir() + "/cas/index.db"; }
  void expect_found(Store& store, const std::string& name, const std::string& text) {
    const auto record = store.find_image(name);
    ASSERT_TRUE(ok(record));
    EXPECT_EQ(record->id, id_of(text));
  }
  // Puts a record into place as a process does that dies before it writes the row.
  void add_behind_its_back(const std::string& text, const std::string& name) {
    const std::string bytes = ASSERT_RECORD(record_of(text, {"a"}, name));
    ASSERT_TRUE(ok(sys::replace_file(dir(), "data/cas/images/" + id_of(text), bytes)));
  }

 private:
  static std::string ASSERT_RECORD(const ImageRecord& record) {
    const auto bytes = image_record_to_json(record);
    EXPECT_TRUE(ok(bytes));
    return bytes ? *bytes : "";
  }
};

TEST_F(IndexTest, FindsARecordWithoutARow) {
  expect_found(store(), "example.com/one", "one");
  add_behind_its_back("two", "example.com/two");
  expect_found(store(), "example.com/two", "two");
  Store other = open_again();
  expect_found(other, "example.com/two", "two");
}

TEST_F(IndexTest, MissesARowWithoutARecord) {
  ASSERT_EQ(::unlink((data_dir() + "/cas/images/" + id_of("one")).c_str()), 0);
  EXPECT_EQ(store().find_image("example.com/one").error().kind(), ErrorKind::kNotFound);
}

TEST_F(IndexTest, IsMadeAnewWhenItIsMissing) {
  for (const char* suffix : {"", "-wal", "-shm"}) (void)::unlink((index_path() + suffix).c_str());
  Store other = open_again();
  expect_found(other, "example.com/one", "one");
  // The first store still has the deleted one open.
  ASSERT_TRUE(ok(other.commit_image(record_of("two", {"a"}, "example.com/two"))));
  expect_found(store(), "example.com/two", "two");
  ASSERT_TRUE(ok(store().commit_image(record_of("three", {"a"}, "example.com/three"))));
  expect_found(other, "example.com/three", "three");
}

TEST_F(IndexTest, IsMadeAnewWhenItIsJunk) {
  for (const std::size_t size : {1U, 100U, 5000U, 100'000U}) {
    ASSERT_TRUE(ok(sys::write_file(sys::at_cwd(), index_path(), std::string(size, 'x'))));
    Store other = open_again();
    expect_found(other, "example.com/one", "one");
  }
}

TEST_F(IndexTest, IsMadeAnewWhenItIsDamagedInside) {
  // Every page but the first, which says what the file is.
  expect_found(store(), "example.com/one", "one");
  {
    auto database = sqlite::Database::open(index_path(), sqlite::Access::kReadWrite, 1000);
    ASSERT_TRUE(ok(database));
    database->checkpoint();
  }
  struct stat st{};
  ASSERT_EQ(::stat(index_path().c_str(), &st), 0);
  ASSERT_GT(st.st_size, 2 * 4096);
  const sys::UniqueFd fd = *sys::open_at(sys::at_cwd(), index_path(), O_WRONLY);
  const std::string junk(static_cast<std::size_t>(st.st_size) - 4096, '\xa5');
  ASSERT_EQ(::pwrite(fd.get(), junk.data(), junk.size(), 4096), static_cast<ssize_t>(junk.size()));
  Store other = open_again();
  expect_found(other, "example.com/one", "one");
  ASSERT_TRUE(ok(other.commit_image(record_of("two", {"a"}, "example.com/two"))));
  expect_found(other, "example.com/two", "two");
}

TEST_F(IndexTest, IsMadeAnewWhenItIsOfAnotherVersion) {
  {
    auto database = sqlite::Database::open(index_path(), sqlite::Access::kReadWrite, 1000);
    ASSERT_TRUE(ok(database));
    ASSERT_TRUE(ok(database->run("DROP TABLE images; PRAGMA user_version = 77")));
  }
  Store other = open_again();
  expect_found(other, "example.com/one", "one");
}

TEST_F(IndexTest, ATableThatIsMissingIsNoticed) {
  {
    auto database = sqlite::Database::open(index_path(), sqlite::Access::kReadWrite, 1000);
    ASSERT_TRUE(ok(database));
    ASSERT_TRUE(ok(database->run("DROP TABLE names")));
  }
  expect_found(store(), "example.com/one", "one");
}

TEST_F(IndexTest, ServesFromMemoryWhereItCannotBe) {
  for (const char* suffix : {"", "-wal", "-shm"}) (void)::unlink((index_path() + suffix).c_str());
  ASSERT_EQ(::mkdir(index_path().c_str(), 0755), 0);
  ASSERT_TRUE(ok(sys::write_file(dir(), "data/cas/index.db/file", "")));
  Store other = open_again();
  expect_found(other, "example.com/one", "one");
  ASSERT_TRUE(ok(other.commit_image(record_of("two", {"a"}, "example.com/two"))));
  expect_found(other, "example.com/two", "two");
  ASSERT_TRUE(ok(other.remove_image(id_of("two"))));
  EXPECT_EQ(other.find_image("example.com/two").error().kind(), ErrorKind::kNotFound);
}

TEST_F(IndexTest, ReadersServeThemselvesFromRecords) {
  for (const char* suffix : {"", "-wal", "-shm"}) (void)::unlink((index_path() + suffix).c_str());
  auto reader = Store::open(data_dir(), Store::Mode::kReadOnly);
  ASSERT_TRUE(ok(reader));
  expect_found(*reader, "example.com/one", "one");
  EXPECT_FALSE(*sys::exists(dir(), "data/cas/index.db")) << "reading must not make one";
}

TEST_F(IndexTest, StaysCurrentOverManyQuickChanges) {
  // Each change must be visible to a second store at once, although they follow within one step of the clock.
  Store other = open_again();
  for (int i = 0; i < 30; ++i) {
    const std::string name = "example.com/n" + std::to_string(i);
    ASSERT_TRUE(ok(store().commit_image(record_of(name, {"a"}, name))));
    expect_found(other, name, name);
    if (i % 3 == 0) {
      ASSERT_TRUE(ok(other.remove_image(id_of(name))));
    }
  }
}

TEST_F(IndexTest, HasTheGroupsMode) {
  const auto st = sys::stat_at(dir(), "data/cas/index.db");
  ASSERT_TRUE(ok(st));
  EXPECT_EQ(st->st_mode & 0777U, 0660U);
}

}  // namespace
}  // namespace agena::stage0
