#include "stage0/http/resuming_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stage0/http/download.h"
#include "tests/support/result_matchers.h"
#include "tests/support/scripted_server.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using ::agena::test::answer;
using ::agena::test::ScriptedServer;
using ::agena::testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

// Big enough for half of it to count as progress.
const std::string kBody = [] {
  std::string body;
  for (int i = 0; body.size() < 200'000; ++i) body += std::to_string(i) + ",";
  return body;
}();
constexpr std::size_t kCut = 100'000;

HttpSettings plain(unsigned retries = 2) {
  HttpSettings settings;
  settings.host = [](const Url&) -> Result<HttpHostSettings> {
    return HttpHostSettings{.tls = {}, .allow_plain = true};
  };
  settings.retries = retries;
  settings.stall_timeout = kSecond;
  return settings;
}

// An answer that breaks off.
std::string broken(const std::string& status, const std::string& body, std::size_t sent,
                   const std::string& headers = "") {
  const std::string whole = answer(status, body, headers);
  return whole.substr(0, whole.size() - body.size() + sent);
}
std::string range(std::size_t first, std::size_t last = kBody.size() - 1) {
  return "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
         std::to_string(kBody.size()) + "\r\n";
}
std::string rest(std::size_t first) {
  return answer("206 Partial Content", kBody.substr(first), range(first));
}

class Resuming : public ::testing::Test {
 protected:
  Result<std::string> get(const ScriptedServer& server, std::uint64_t offset = 0) {
    ResumePlan plan;
    plan.request = [&](const HttpHeaders*) -> Result<HttpRequest> {
      return HttpRequest{.url = server.url()};
    };
    plan.offset = offset;
    plan.size = kBody.size();
    ResumingSource source(client_, std::move(plan));
    return read_to_end(source, 1U << 20U);
  }
  HttpClient client_{plain()};
  HttpClient impatient_{plain(0)};  // tries nothing again
};

TEST_F(Resuming, GoesOnAfterACut) {
  ScriptedServer server({broken("200 OK", kBody, kCut), rest(kCut)});
  EXPECT_EQ(ASSERT_VALUE(get(server)), kBody);
  EXPECT_THAT(server.requests().at(0), Not(HasSubstr("Range")));
  EXPECT_THAT(server.requests().at(1), HasSubstr("Range: bytes=100000-" + std::to_string(kBody.size() - 1)));
  EXPECT_THAT(server.requests().at(1), Not(HasSubstr("If-Range")));
}

TEST_F(Resuming, TakesNotModifiedOnlyIfItAsked) {
  ScriptedServer server({answer("304 Not Modified", ""), answer("304 Not Modified", "")});
  for (const bool asks : {false, true}) {
    ResumePlan plan;
    plan.request = [&](const HttpHeaders*) -> Result<HttpRequest> {
      HttpRequest request{.url = server.url()};
      if (asks) request.headers.emplace_back("If-None-Match", "\"tag\"");
      return request;
    };
    ResumingSource source(impatient_, std::move(plan));
    const auto connected = source.connect();
    EXPECT_EQ(connected.has_value(), asks);
    if (!asks) {
      EXPECT_THAT(error_of(connected), HasSubstr("bad HTTP status code: 304"));
    }
  }
}

TEST_F(Resuming, BeginsAtAnOffset) {
  ScriptedServer server({rest(500)});
  EXPECT_EQ(ASSERT_VALUE(get(server, 500)), kBody.substr(500));
}

TEST_F(Resuming, AsksForNothingThatIsThere) {
  ScriptedServer server({});
  EXPECT_EQ(ASSERT_VALUE(get(server, kBody.size())), "");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Resuming, SkipsWhereRangesAreIgnored) {
  ScriptedServer server({broken("200 OK", kBody, kCut), answer("200 OK", kBody)});
  EXPECT_EQ(ASSERT_VALUE(get(server)), kBody);
}

TEST_F(Resuming, StartsAgainWhereRangesAreRefused) {
  ScriptedServer server({answer("416 Range Not Satisfiable", ""), answer("200 OK", kBody)});
  EXPECT_EQ(ASSERT_VALUE(get(server, kCut)), kBody.substr(kCut));
  EXPECT_THAT(server.requests().at(1), Not(HasSubstr("Range")));
}

TEST_F(Resuming, AnotherRangeIsAnError) {
  ScriptedServer server({answer("206 Partial Content", kBody.substr(400), range(400))});
  EXPECT_THAT(error_of(get(server, 500)), HasSubstr("another range"));
}

TEST_F(Resuming, AnotherLengthIsAnError) {
  ScriptedServer server({answer("200 OK", kBody + "x")});
  EXPECT_THAT(error_of(get(server)), HasSubstr("instead of the stated"));
}

TEST_F(Resuming, EndlessBodiesEnd) {
  ScriptedServer server({"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + kBody + kBody});
  EXPECT_THAT(error_of(get(server)), HasSubstr("larger than the stated"));
}

TEST_F(Resuming, TriesWithoutProgressAreCounted) {
  ScriptedServer server(std::vector<std::string>(10, broken("200 OK", kBody, 10)));
  EXPECT_FALSE(get(server));
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST_F(Resuming, MissingBlobsAreNotTriedAgain) {
  ScriptedServer server({answer("404 Not Found", ""), answer("200 OK", kBody)});
  EXPECT_THAT(error_of(get(server)), HasSubstr("404"));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(Resuming, AFailureStays) {
  ScriptedServer server({answer("404 Not Found", ""), answer("200 OK", kBody)});
  ResumePlan plan;
  plan.request = [&](const HttpHeaders*) -> Result<HttpRequest> { return HttpRequest{.url = server.url()}; };
  ResumingSource source(client_, std::move(plan));
  EXPECT_THAT(error_of(source.connect()), HasSubstr("404"));
  std::vector<char> buffer(100);
  EXPECT_THAT(error_of(source.read(buffer)), HasSubstr("404"));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(Resuming, RangesOfAnotherVersionAreNotTaken) {
  const auto plan_for = [](const ScriptedServer& server) {
    ResumePlan plan;
    plan.request = [&](const HttpHeaders*) -> Result<HttpRequest> {
      return HttpRequest{.url = server.url()};
    };
    plan.immutable = false;
    return plan;
  };
  const std::string new_tag = "ETag: \"new\"\r\n";
  const std::string other = answer("206 Partial Content", kBody.substr(kCut), range(kCut) + new_tag);
  // What an earlier attempt has left is dropped.
  ScriptedServer later({other, answer("200 OK", kBody, new_tag)});
  ResumePlan plan = plan_for(later);
  plan.offset = kCut;
  plan.validator = "\"old\"";
  ResumingSource again(client_, std::move(plan));
  EXPECT_EQ(ASSERT_VALUE(read_to_end(again, 1U << 20U)), kBody);
  EXPECT_EQ(again.start(), 0U);
  // In the middle of a download it is an error.
  ScriptedServer meanwhile({broken("200 OK", kBody, kCut, "ETag: \"old\"\r\n"), other});
  ResumingSource source(client_, plan_for(meanwhile));
  EXPECT_THAT(error_of(read_to_end(source, 1U << 20U)), HasSubstr("changed on the server"));
}

TEST_F(Resuming, ARefusedAuthorizationIsRenewedOnce) {
  ScriptedServer server({answer("401 Unauthorized", ""), answer("200 OK", kBody)});
  int renewed = 0;
  ResumePlan plan;
  plan.request = [&](const HttpHeaders* refused) -> Result<HttpRequest> {
    renewed += refused != nullptr ? 1 : 0;
    return HttpRequest{.url = server.url(),
                       .authorization = refused != nullptr ? "Bearer new" : "Bearer old"};
  };
  plan.size = kBody.size();
  ResumingSource source(client_, std::move(plan));
  EXPECT_EQ(ASSERT_VALUE(read_to_end(source, 1U << 20U)), kBody);
  EXPECT_EQ(renewed, 1);
  EXPECT_THAT(server.requests().at(1), HasSubstr("Bearer new"));
}

class Download : public Resuming {
 protected:
  void SetUp() override {
    auto store = Store::open(temp_.path() + "/data", Store::Mode::kReadWrite);
    ASSERT_TRUE(store) << error_of(store);
    store_.emplace(*std::move(store));
  }
  std::string content(const PartialFile& file) {
    FdSource source(file.fd(), 0, file.size());
    return read_to_end(source, 1U << 20U).value_or("(unreadable)");
  }
  test::TempDir temp_;
  std::optional<Store> store_;
};

TEST_F(Download, GoesOnInTheNextAttempt) {
  const std::string tag = "ETag: \"one\"\r\n";
  ScriptedServer server({broken("200 OK", kBody, kCut, tag), rest(kCut)});
  {
    PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, server.url()));
    EXPECT_FALSE(download(impatient_, {.url = server.url()}, file, 1U << 20U));
    EXPECT_EQ(file.size(), kCut);
  }
  PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, server.url()));
  EXPECT_EQ(ASSERT_VALUE(download(client_, {.url = server.url()}, file, 1U << 20U)).status, 206);
  EXPECT_EQ(content(file), kBody);
  EXPECT_THAT(server.requests().back(), HasSubstr("If-Range: \"one\""));
}

TEST_F(Download, StartsAgainWhereItHasChanged) {
  ScriptedServer server({broken("200 OK", kBody, kCut, "ETag: \"one\"\r\n"),
                         answer("200 OK", "something else", "ETag: \"two\"\r\n")});
  {
    PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, server.url()));
    EXPECT_FALSE(download(impatient_, {.url = server.url()}, file, 1U << 20U));
  }
  PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, server.url()));
  ASSERT_VALUE(download(client_, {.url = server.url()}, file, 1U << 20U));
  EXPECT_EQ(content(file), "something else");
  EXPECT_EQ(ASSERT_VALUE(file.note()), "\"two\"\n14");
}

TEST_F(Download, IsLimited) {
  ScriptedServer server({answer("200 OK", kBody)});
  PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, server.url()));
  EXPECT_THAT(error_of(download(client_, {.url = server.url()}, file, 1000)),
              HasSubstr("limit of 1000 bytes"));
}

TEST_F(Download, NotModifiedDownloadsNothing) {
  ScriptedServer server({"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"});
  PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, server.url()));
  const HttpRequest request{.url = server.url(), .headers = {{"If-None-Match", "\"one\""}}};
  EXPECT_EQ(ASSERT_VALUE(download(client_, request, file, 1000)).status, 304);
  EXPECT_EQ(file.size(), 0U);
}

}  // namespace
}  // namespace agena::stage0
