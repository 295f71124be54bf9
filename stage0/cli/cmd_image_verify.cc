// `image verify`: compare images with what came in, and repair them.
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/care/repair.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/progress.h"
#include "stage0/fetch/fetch.h"
#include "stage0/image/reference.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

// One image at a time, so that what is found is told at once.
class Verification {
 public:
  Verification(const Invocation& call, Engine engine, Store store)
      : repair_(call.args.flag(kRepair)),
        all_(call.args.flag(kAllImages)),
        json_(!call.args.text(kFormat).empty()),
        insecure_(call.global.insecure),
        engine_(std::move(engine)),
        store_(std::move(store)) {}

  Result<> verify(const ImageRecord& record) {
    auto check = check_image(store_, record);
    if (!check && check.error().kind() == ErrorKind::kNotFound && all_) {
      log::debug("verify: {}", check.error().to_string());  // removed since it was listed
      return {};
    }
    VerifiedImage result{.check = TRY(std::move(check))};
    if (!result.check.intact()) {
      if (repair_)
        TRY(mend(result));
      else
        result.error = describe_damage(result.check);
    }
    if (result.error) {
      failed_ = true;
      log::error(Error(*result.error).with_context(fmt::format("image '{}'", record.id)));
    } else if (!json_) {
      TRY(print_line("successfully verified checksum for image: \"{}\"", record.id));
    }
    results_.push_back(std::move(result));
    return {};
  }

  void fail_on(std::string_view text, Error error) {
    failed_ = true;
    log::error(std::move(error).with_context(fmt::format("image '{}'", printable(text))));
  }
  Store& store() { return store_; }
  bool failed() const { return failed_; }
  const std::vector<VerifiedImage>& results() const { return results_; }

 private:
  Result<> mend(VerifiedImage& result) {
    log::warning("{}", describe_damage(result.check).to_string());
    log::info("tree cache verification failed for image {}; rebuilding...", result.check.image.id);
    const auto mended = repair_image(store_, engine_.data_dir, result.check,
                                     [&](const std::string& reference) { return fetch(reference); });
    if (!mended) {
      result.error = mended.error();
      return {};
    }
    log::info("image {} repaired from {}", result.check.image.id, printable(result.check.repaired_from));
    return {};
  }

  Result<ImageRecord> fetch(const std::string& text) {
    const Reference reference = TRY(parse_reference(text));
    ProgressView progress(ProgressView::detect_terminal("verify: "), STDERR_FILENO);
    auto record =
        fetch_image(store_, reference, engine_.fetch, {.policy = PullPolicy::kUpdate, .insecure = insecure_},
                    [&](const LayerProgress& layer) { progress.update(layer); });
    progress.finish();
    return record;
  }

  bool repair_;
  bool all_;
  bool json_;
  InsecureOptions insecure_;
  Engine engine_;
  Store store_;
  bool failed_ = false;
  std::vector<VerifiedImage> results_;
};

}  // namespace

Result<int> cmd_image_verify(const Invocation& call) {
  const bool all = call.args.flag(kAllImages);
  if (all != call.args.arguments.empty())
    return fail(ErrorKind::kInvalidInput, "give either images or --all");
  const Engine engine = TRY(call.engine());
  const auto mode = call.args.flag(kRepair) ? Store::Mode::kReadWrite : Store::Mode::kReadOnly;
  Verification verification(call, engine, TRY(Store::open(engine.data_dir, mode)));
  if (all) {
    ErrorList broken;
    for (const ImageRecord& record : TRY(verification.store().list_images(&broken)))
      TRY(verification.verify(record));
    for (const Error& error : broken.errors()) verification.fail_on("?", error);
  }
  for (const std::string_view text : call.args.arguments) {
    if (auto record = find_named_image(verification.store(), text))
      TRY(verification.verify(*record));
    else
      verification.fail_on(text, std::move(record).error());
  }
  const std::string_view format = call.args.text(kFormat);
  if (!format.empty())
    TRY(print_line("{}", TRY(verify_json(verification.results(), style_of_format(format)))));
  return verification.failed() ? contract::kExitFailure : contract::kExitSuccess;
}

}  // namespace agena::stage0
