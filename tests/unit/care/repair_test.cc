#include "stage0/care/repair.h"

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using Texts = std::vector<std::string>;

TEST(ReferencesOfTest, UrlsAreAskedAgainIfTheyAreKnownWhole) {
  ImageRecord record = record_of("app", {"1"});
  record.format = ImageFormat::kAci;
  record.names = {{.name = "https://example.com/app.aci", .time = 1}};
  EXPECT_EQ(references_of(record), (Texts{"https://example.com/app.aci"}));
  // Of its query the store knows a hash only, which is no query to send to a server.
  record.names = {{.name = "https://example.com/app.aci?query=0123456789ab", .time = 1}};
  EXPECT_EQ(references_of(record), (Texts{"example.com/app:1"}));
}

}  // namespace
}  // namespace agena::stage0
