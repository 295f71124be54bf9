// `image cat-manifest`: print an image's appc manifest.
#include "common/contract/exit_codes.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"
#include "stage0/cli/output/out.h"
#include "stage0/store/similar.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

namespace {

// The image's own document, byte for byte.
Result<std::string> document_of(const Store& store, const ImageRecord& record, std::string_view which) {
  const auto digest = !record.oci           ? std::optional<Digest>()
                      : which == "manifest" ? record.oci->manifest_digest
                                            : record.oci->config_digest;
  if (!digest) return fail(ErrorKind::kNotFound, "image '{}' has no {} of its own", record.id, which);
  return store.read_blob(*digest);
}

}  // namespace

Result<int> cmd_image_cat_manifest(const Invocation& call) {
  const bool pretty = TRY(parse_bool(call.args.text(kPrettyPrint, "true")));
  Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  const ImageRecord record = TRY(find_named_image(store, call.args.arguments.front()));
  if (call.args.has(kOciDocument)) {
    TRY(print(TRY(document_of(store, record, call.args.text(kOciDocument)))));
    return contract::kExitSuccess;
  }
  const auto style = pretty ? codec::TextStyle::kPretty : codec::TextStyle::kCompact;
  TRY(print_line("{}", TRY(codec::write_image_manifest(record.manifest, style))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
