#include "common/base/result.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;

Result<int> number(bool good) {
  if (!good) return fail(ErrorKind::kNotFound, "no number '{}'", 7);
  return 42;
}
Result<> nothing(bool good) {
  if (!good) return fail(ErrorKind::kBusy, "taken");
  return {};
}
Result<std::unique_ptr<int>> pointer(bool good) {
  if (!good) return fail(ErrorKind::kSystem, "none");
  return std::make_unique<int>(5);
}

Result<int> add_twice(bool first, bool second) { return TRY(number(first)) + TRY(number(second)); }

Result<int> after_nothing(bool good) {
  TRY(nothing(good));
  return 1;
}

Result<std::unique_ptr<int>> pass_on(bool good) {
  auto value = TRY(pointer(good));
  *value += 1;
  return value;
}

// A TRY inside the arguments of another.
Result<int> plus_one(int value) { return value + 1; }
Result<int> nested(bool good) { return TRY(plus_one(TRY(plus_one(TRY(number(good)))))); }

Result<int> with_context(bool good) {
  const int value = TRY_CTX(number(good), "reading '{}'", "file");
  TRY_CTX(nothing(true), "plain");
  return value;
}

TEST(TryTest, GivesTheValueOrReturnsTheError) {
  EXPECT_EQ(ASSERT_VALUE(add_twice(true, true)), 84);
  EXPECT_EQ(error_of(add_twice(true, false)), "no number '7'");
  EXPECT_EQ(error_of(add_twice(false, true)), "no number '7'");
  EXPECT_EQ(ASSERT_VALUE(nested(true)), 44);
  EXPECT_FALSE(nested(false));
}

TEST(TryTest, WorksForVoidAndMoveOnlyValues) {
  EXPECT_EQ(ASSERT_VALUE(after_nothing(true)), 1);
  EXPECT_EQ(after_nothing(false).error().kind(), ErrorKind::kBusy);
  EXPECT_EQ(*ASSERT_VALUE(pass_on(true)), 6);
  EXPECT_EQ(error_of(pass_on(false)), "none");
}

TEST(TryTest, AddsContext) {
  EXPECT_EQ(ASSERT_VALUE(with_context(true)), 42);
  const auto result = with_context(false);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().to_string(), "reading 'file': no number '7'");
  EXPECT_EQ(result.error().message(), "no number '7'");
  EXPECT_EQ(result.error().kind(), ErrorKind::kNotFound);
}

TEST(ErrorTest, RemembersWhereItWasMade) {
  const auto line = static_cast<unsigned>(__LINE__ + 1);
  const Error error = fail(ErrorKind::kInternal, "x").error();
  EXPECT_EQ(error.where().line(), line);
  EXPECT_THAT(error.where().file_name(), ::testing::EndsWith("result_test.cc"));
}

TEST(ErrorTest, PrintsALineOrATree) {
  Error error = Error(ErrorKind::kSystem, "mounting '/data': permission denied", EACCES)
                    .with_context("preparing app 'redis'")
                    .with_context("running pod")
                    .with_hint("first")
                    .with_hint("second");
  EXPECT_EQ(error.to_string(), "running pod: preparing app 'redis': mounting '/data': permission denied");
  EXPECT_EQ(error.hint(), "first") << "the innermost hint is the most exact";
  EXPECT_EQ(error.contexts().size(), 2U);
  const std::string tree = error.to_tree();
  EXPECT_TRUE(tree.starts_with(
      "running pod\n  └─preparing app 'redis'\n    └─mounting '/data': permission denied\n      "
      "└─at "))
      << tree;
  EXPECT_FALSE(tree.ends_with("\n"));
}

TEST(ErrorTest, CarriesErrno) {
  const Error given = errno_fail(ENOENT, "opening '{}'", "/x").error();
  EXPECT_EQ(given.to_string(), "opening '/x': no such file or directory");
  EXPECT_EQ(given.kind(), ErrorKind::kNotFound);
  EXPECT_EQ(given.sys_errno(), ENOENT);
  errno = EACCES;
  const Error current = sys_fail("opening '{}'", "/y").error();
  EXPECT_EQ(current.to_string(), "opening '/y': permission denied");
  EXPECT_EQ(current.kind(), ErrorKind::kPermission);
}

TEST(ErrorTest, MapsErrnosToKinds) {
  EXPECT_EQ(kind_of_errno(ESRCH), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of_errno(EEXIST), ErrorKind::kAlreadyExists);
  EXPECT_EQ(kind_of_errno(EPERM), ErrorKind::kPermission);
  EXPECT_EQ(kind_of_errno(EWOULDBLOCK), ErrorKind::kBusy);
  EXPECT_EQ(kind_of_errno(ENOSYS), ErrorKind::kUnsupported);
  EXPECT_EQ(kind_of_errno(ENOTSUP), ErrorKind::kUnsupported);
  EXPECT_EQ(kind_of_errno(EIO), ErrorKind::kSystem);
}

TEST(ErrorTest, EveryKindHasAName) {
  EXPECT_STREQ(to_string(ErrorKind::kInvalidInput), "invalid-input");
  EXPECT_STREQ(to_string(ErrorKind::kVerification), "verification");
  EXPECT_STREQ(to_string(ErrorKind::kInternal), "internal");
}

TEST(ErrnoTextTest, ReadsInTheMiddleOfALine) {
  EXPECT_EQ(errno_text(EINVAL), "invalid argument");
  EXPECT_EQ(errno_text(EIO), "input/output error");
  EXPECT_EQ(errno_text(99999), "unknown error 99999");
}

TEST(ErrorListTest, TellsAll) {
  ErrorList list;
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.to_result());
  list.add_if(nothing(true));
  EXPECT_TRUE(list.empty());
  list.add_if(nothing(false));
  EXPECT_EQ(error_of(list.to_result()), "taken");
  list.add_if(with_context(false));
  list.add(Error(ErrorKind::kSystem, "third"));
  EXPECT_EQ(list.errors().size(), 3U);
  EXPECT_EQ(error_of(list.to_result()), "taken; reading 'file': no number '7'; third");
  EXPECT_EQ(list.to_result().error().kind(), ErrorKind::kBusy) << "the first one's";
}

}  // namespace
}  // namespace agena
