// `image tags`: what a registry has of a name.
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/image/reference.h"
#include "stage0/registry/registry_access.h"

namespace agena::stage0 {
namespace {

// The registry's own answer: mirrors may have only some.
Result<std::vector<std::string>> list_tags(const Invocation& call, const Reference& reference) {
  const Engine engine = TRY(call.engine());
  const InsecureOptions& insecure = call.global.insecure;
  const auto access = TRY(
      RegistryAccess::open(engine.fetch.config_directories, {.tls = insecure.tls, .http = insecure.http}));
  return access->connect(TRY(access->endpoint(reference.domain, reference.repository)))->tags();
}

}  // namespace

Result<int> cmd_image_tags(const Invocation& call) {
  const std::string_view text = call.args.arguments.front();
  Reference reference = TRY(parse_reference(text));
  // Nothing else than a registry has tags to list.
  if (reference.kind == ReferenceKind::kName)
    reference = TRY(parse_reference("docker://" + std::string(text)));
  if (reference.kind != ReferenceKind::kRegistry)
    return fail(ErrorKind::kInvalidInput, "'{}' is not in a registry (docker://HOST/NAME)", printable(text));
  const std::vector<std::string> tags =
      TRY_CTX(list_tags(call, reference), "listing the tags of '{}'", printable(text));
  if (const std::string_view format = call.args.text(kFormat); !format.empty()) {
    const json_text::Json document = {{"name", reference.domain + "/" + reference.repository},
                                      {"tags", tags}};
    TRY(print_line("{}", TRY(restyle_json(TRY(json_text::dump(document)), style_of_format(format)))));
    return contract::kExitSuccess;
  }
  for (const std::string& tag : tags) TRY(print_line("{}", printable(tag)));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
