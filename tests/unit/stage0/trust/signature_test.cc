// What needs no secret key; signatures by real keys are in tests/functional/test_trust.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "stage0/trust/check_signature.h"
#include "stage0/trust/private_home.h"
#include "stage0/trust/public_keys.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

Result<SignatureCheck> check(const std::string& signature) {
  StringSource data(std::string(100'000, 'x'));
  return check_signature({}, signature, data);
}

TEST(Signature, EmptyAndGarbage) {
  EXPECT_EQ(error_of(check("")), "the signature is empty");
  EXPECT_THAT(error_of(check("garbage")), HasSubstr("there is no OpenPGP signature in it"));
  EXPECT_THAT(error_of(check("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")),
              HasSubstr("there is no OpenPGP signature in it"));
}

TEST(Signature, FailedReadingIsTold) {
  class Broken : public ByteSource {
    Result<std::size_t> read(std::span<char> /*buffer*/) override {
      return fail(ErrorKind::kSystem, "the disk is gone");
    }
  };
  Broken data;
  EXPECT_FALSE(check_signature({}, "garbage", data).has_value());
}

TEST(Signature, SigpipeStaysAsItWas) {
  (void)check("garbage");
  struct sigaction now{};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
}

TEST(PublicKeys, NeedOneInTheFile) {
  EXPECT_THAT(error_of(read_public_keys("")), HasSubstr("there is no OpenPGP public key in it"));
  EXPECT_THAT(error_of(read_public_keys("garbage")), HasSubstr("there is no OpenPGP public key in it"));
}

TEST(PrivateHome, IsGoneAfterwards) {
  std::string path;
  {
    const auto home = ASSERT_VALUE(PrivateHome::create());
    path = home.path();
    EXPECT_EQ(sys::stat_at(sys::at_cwd(), path)->st_mode & 07777U, 0700U);
    // Somebody else's cleaning leaves it alone while it is used.
    ASSERT_TRUE(test::ok(PrivateHome::create()));
    EXPECT_TRUE(*sys::exists(sys::at_cwd(), path));
  }
  EXPECT_FALSE(*sys::exists(sys::at_cwd(), path));
}

}  // namespace
}  // namespace agena::stage0
