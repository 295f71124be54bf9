// Discovery pages and templates as servers send them: never a crash, and what is found holds together.
#include <map>
#include <string>

#include "common/base/strings.h"
#include "stage0/discovery/meta_tags.h"
#include "stage0/discovery/url_template.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage0;
  const std::string_view text = agena::fuzz::text_of(data, size);
  const std::map<std::string, std::string> values = {{"name", "example.com/app"},
                                                     {"version", "1.0 {ext}"},
                                                     {"os", "linux"},
                                                     {"arch", "amd64"},
                                                     {"ext", "aci"}};
  const auto check_template = [&](std::string_view pattern) {
    const auto url = render_url_template(pattern, values);
    FUZZ_CHECK(!url || (url->size() <= 8192 && url->find_first_of("{}") == std::string::npos));
    FUZZ_CHECK(!url || url->find_first_of(" \n\t") == std::string::npos);
  };
  const auto check_tag = [&](const MetaTag& tag) {
    FUZZ_CHECK(tag.name == "ac-discovery" || tag.name == "ac-discovery-pubkeys");
    FUZZ_CHECK(!tag.prefix.empty() && !tag.value.empty());
    check_template(tag.value);
  };
  check_template(text);
  if (const auto tag = make_meta_tag("ac-discovery", text)) check_tag(*tag);
  if (const auto tags = read_meta_tags(text))
    for (const MetaTag& tag : *tags) check_tag(tag);
  return 0;
}
