// `image verify`: compare the unpacked layers of images with what they were when they came in.
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

Result<> verify_one(Store& store, std::string_view text) {
  const ImageRecord record = TRY(store.find_image(text));
  ErrorList faults;
  for (const LayerVerdict& verdict : TRY(store.verify_image(record)))
    if (verdict.state != LayerVerdict::State::kIntact)
      faults.add(Error(ErrorKind::kVerification,
                       fmt::format("layer '{}' is {}: {}", verdict.key.str(),
                                   verdict.state == LayerVerdict::State::kMissing ? "missing" : "corrupt",
                                   verdict.detail)));
  TRY(faults.to_result());
  return print_line("successfully verified checksum for image: \"{}\"", record.id);
}

}  // namespace

Result<int> cmd_image_verify(const Invocation& call) {
  Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  bool failed = false;
  for (const std::string_view text : call.args.arguments) {
    if (Result<> one = verify_one(store, text); !one) {
      log::error(std::move(one).error().with_context(fmt::format("image '{}'", printable(text))));
      failed = true;
    }
  }
  return failed ? contract::kExitFailure : contract::kExitSuccess;
}

}  // namespace agena::stage0
