# bash completion for agena
__agena_is_command() {
  case $1 in
    "app") echo "yes" ;;
    "app add") echo "yes" ;;
    "app attach") echo "yes" ;;
    "app exec") echo "yes" ;;
    "app list") echo "yes" ;;
    "app logs") echo "yes" ;;
    "app rm") echo "yes" ;;
    "app sandbox") echo "yes" ;;
    "app start") echo "yes" ;;
    "app status") echo "yes" ;;
    "app stop") echo "yes" ;;
    "app update") echo "yes" ;;
    "attach") echo "yes" ;;
    "cat-manifest") echo "yes" ;;
    "completion") echo "yes" ;;
    "config") echo "yes" ;;
    "enter") echo "yes" ;;
    "export") echo "yes" ;;
    "fetch") echo "yes" ;;
    "gc") echo "yes" ;;
    "help") echo "yes" ;;
    "image") echo "yes" ;;
    "image cat-manifest") echo "yes" ;;
    "image df") echo "yes" ;;
    "image diff") echo "yes" ;;
    "image export") echo "yes" ;;
    "image extract") echo "yes" ;;
    "image gc") echo "yes" ;;
    "image history") echo "yes" ;;
    "image import-rkt") echo "yes" ;;
    "image inspect") echo "yes" ;;
    "image list") echo "yes" ;;
    "image push") echo "yes" ;;
    "image render") echo "yes" ;;
    "image rm") echo "yes" ;;
    "image tag") echo "yes" ;;
    "image tags") echo "yes" ;;
    "image verify") echo "yes" ;;
    "list") echo "yes" ;;
    "logs") echo "yes" ;;
    "metadata-service") echo "yes" ;;
    "prepare") echo "yes" ;;
    "rm") echo "yes" ;;
    "run") echo "yes" ;;
    "run-prepared") echo "yes" ;;
    "start") echo "yes" ;;
    "status") echo "yes" ;;
    "stop") echo "yes" ;;
    "trust") echo "yes" ;;
    "version") echo "yes" ;;
  esac
}
__agena_options() {
  case $1 in
    "app add") echo "--annotation --apparmor-profile --caps-remove --caps-retain --cpu --cpu-shares --device --device-read-bps --device-read-iops --device-write-bps --device-write-iops --environment --exec --group --health-cmd --health-interval --health-retries --health-start-period --health-timeout --log-driver --log-max-files --log-max-size --memory --mnt-volume --mount --name --no-healthcheck --no-new-privileges --oom-score-adj --pids-limit --port --readonly-rootfs --restart --rlimit --sdnotify --seccomp --selinux-context --signature --start --stderr --stdin --stdout --stop-signal --stop-timeout --supplementary-gids --timeout --tmpfs --user --user-annotation --user-label --volume --working-dir" ;;
    "app attach") echo "--app --mode" ;;
    "app exec") echo "--app" ;;
    "app list") echo "--format --no-legend" ;;
    "app logs") echo "--app --follow --format --raw --since --tail --timestamps --until" ;;
    "app rm") echo "--app --timeout" ;;
    "app sandbox") echo "--annotation --detach --dns --dns-domain --dns-opt --dns-search --hostname --hosts-entry --ipc --mds-register --net --no-overlay --pod-cpu --pod-memory --pod-name --pod-pids-limit --port --private-users --shm-size --stage1-from-dir --stage1-hash --stage1-name --stage1-path --stage1-url --sysctl --timeout --trace --user-annotation --user-label --uuid-file-save --wait-timeout" ;;
    "app start") echo "--app --timeout" ;;
    "app status") echo "--app --format" ;;
    "app stop") echo "--app --time --timeout" ;;
    "app update") echo "--app --cpu --cpu-shares --device-read-bps --device-read-iops --device-write-bps --device-write-iops --memory --pids-limit --timeout" ;;
    "attach") echo "--app --mode" ;;
    "cat-manifest") echo "--pretty-print --uuid-file" ;;
    "config") echo "--pretty-print" ;;
    "enter") echo "--app" ;;
    "export") echo "--app --compression --overwrite --to" ;;
    "fetch") echo "--full --max-image-size --platform --pull-policy --signature" ;;
    "gc") echo "--expire-prepared --grace-period --mark-only" ;;
    "image cat-manifest") echo "--oci --pretty-print" ;;
    "image df") echo "--format" ;;
    "image diff") echo "--app --format" ;;
    "image export") echo "--compression --overwrite --to" ;;
    "image extract") echo "--overwrite --rootfs-only" ;;
    "image gc") echo "--dry-run --format --grace-period" ;;
    "image history") echo "--format --full --no-legend" ;;
    "image import-rkt") echo "--format" ;;
    "image inspect") echo "--format" ;;
    "image list") echo "--fields --format --full --no-legend --order --sort" ;;
    "image push") echo "--compression" ;;
    "image render") echo "--overwrite --rootfs-only" ;;
    "image tags") echo "--format" ;;
    "image verify") echo "--all --format --repair" ;;
    "list") echo "--format --full --no-legend" ;;
    "logs") echo "--app --follow --format --raw --since --tail --timestamps --until" ;;
    "metadata-service") echo "--listen-port" ;;
    "prepare") echo "--annotation --apparmor-profile --caps-remove --caps-retain --cpu --cpu-shares --device --device-read-bps --device-read-iops --device-write-bps --device-write-iops --environment --exec --group --health-cmd --health-interval --health-retries --health-start-period --health-timeout --inherit-env --log-driver --log-max-files --log-max-size --max-image-size --memory --mount --name --no-healthcheck --no-new-privileges --no-overlay --oom-score-adj --pids-limit --platform --pod-cpu --pod-manifest --pod-memory --pod-name --pod-pids-limit --port --private-users --pull-policy --quiet --readonly-rootfs --restart --rlimit --sdnotify --seccomp --selinux-context --set-env --set-env-file --shm-size --signature --stage1-from-dir --stage1-hash --stage1-name --stage1-path --stage1-url --stderr --stdin --stdout --stop-signal --stop-timeout --supplementary-gids --sysctl --tmpfs --user --user-annotation --user-label --volume --working-dir" ;;
    "rm") echo "--uuid-file" ;;
    "run") echo "--annotation --apparmor-profile --caps-remove --caps-retain --cpu --cpu-shares --device --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-domain --dns-opt --dns-search --environment --exec --group --health-cmd --health-interval --health-retries --health-start-period --health-timeout --hostname --hosts-entry --inherit-env --interactive --ipc --log-driver --log-max-files --log-max-size --max-image-size --mds-register --memory --mount --name --net --no-healthcheck --no-new-privileges --no-overlay --oom-score-adj --pids-limit --platform --pod-cpu --pod-manifest --pod-memory --pod-name --pod-pids-limit --port --private-users --pull-policy --readonly-rootfs --restart --rlimit --sdnotify --seccomp --selinux-context --set-env --set-env-file --shm-size --signature --stage1-from-dir --stage1-hash --stage1-name --stage1-path --stage1-url --stderr --stdin --stdout --stop-signal --stop-timeout --supplementary-gids --sysctl --timeout --tmpfs --trace --user --user-annotation --user-label --uuid-file-save --volume --working-dir" ;;
    "run-prepared") echo "--dns --dns-domain --dns-opt --dns-search --hostname --hosts-entry --interactive --ipc --mds-register --net --timeout --trace" ;;
    "start") echo "--dns --dns-domain --dns-opt --dns-search --hostname --hosts-entry --interactive --ipc --mds-register --net --timeout --trace" ;;
    "status") echo "--format --uuid-file --wait --wait-ready" ;;
    "stop") echo "--force --timeout --uuid-file" ;;
    "trust") echo "--format --insecure-allow-http --list --prefix --remove --root --skip-fingerprint-review" ;;
  esac
  echo "--debug --dir --help --insecure-options --local-config --system-config --trust-keys-from-https --user-config"
}
__agena_value() {
  case "$1 $2" in
    "app add --exec") echo "file" ;;
    "app add --sdnotify") echo "=app conmon container ignore none" ;;
    "app add --signature") echo "file" ;;
    "app list --format") echo "=json json-pretty" ;;
    "app logs --format") echo "=json" ;;
    "app sandbox --ipc") echo "=auto private parent" ;;
    "app sandbox --stage1-hash") echo "image" ;;
    "app sandbox --stage1-path") echo "file" ;;
    "app sandbox --trace") echo "file" ;;
    "app sandbox --uuid-file-save") echo "file" ;;
    "app status --format") echo "=json json-pretty" ;;
    "cat-manifest --uuid-file") echo "file" ;;
    "export --compression") echo "=none gzip zstd" ;;
    "export --to") echo "=aci oci docker-archive" ;;
    "fetch --pull-policy") echo "=never new update" ;;
    "fetch --signature") echo "file" ;;
    "image cat-manifest --oci") echo "=manifest config" ;;
    "image df --format") echo "=json json-pretty" ;;
    "image diff --format") echo "=json json-pretty" ;;
    "image export --compression") echo "=none gzip zstd" ;;
    "image export --to") echo "=aci oci docker-archive" ;;
    "image gc --format") echo "=json json-pretty" ;;
    "image history --format") echo "=json json-pretty" ;;
    "image import-rkt --format") echo "=json json-pretty" ;;
    "image inspect --format") echo "=json json-pretty" ;;
    "image list --format") echo "=json json-pretty" ;;
    "image list --order") echo "=asc desc" ;;
    "image push --compression") echo "=none gzip zstd" ;;
    "image tags --format") echo "=json json-pretty" ;;
    "image verify --format") echo "=json json-pretty" ;;
    "list --format") echo "=json json-pretty" ;;
    "logs --format") echo "=json" ;;
    "prepare --exec") echo "file" ;;
    "prepare --pod-manifest") echo "file" ;;
    "prepare --pull-policy") echo "=never new update" ;;
    "prepare --sdnotify") echo "=app conmon container ignore none" ;;
    "prepare --set-env-file") echo "file" ;;
    "prepare --signature") echo "file" ;;
    "prepare --stage1-hash") echo "image" ;;
    "prepare --stage1-path") echo "file" ;;
    "rm --uuid-file") echo "file" ;;
    "run --exec") echo "file" ;;
    "run --ipc") echo "=auto private parent" ;;
    "run --pod-manifest") echo "file" ;;
    "run --pull-policy") echo "=never new update" ;;
    "run --sdnotify") echo "=app conmon container ignore none" ;;
    "run --set-env-file") echo "file" ;;
    "run --signature") echo "file" ;;
    "run --stage1-hash") echo "image" ;;
    "run --stage1-path") echo "file" ;;
    "run --trace") echo "file" ;;
    "run --uuid-file-save") echo "file" ;;
    "run-prepared --ipc") echo "=auto private parent" ;;
    "run-prepared --trace") echo "file" ;;
    "start --ipc") echo "=auto private parent" ;;
    "start --trace") echo "file" ;;
    "status --format") echo "=json json-pretty" ;;
    "status --uuid-file") echo "file" ;;
    "stop --uuid-file") echo "file" ;;
    "trust --format") echo "=json json-pretty" ;;
    *" --dir") echo "directory" ;;
    *" --local-config") echo "directory" ;;
    *" --system-config") echo "directory" ;;
    *" --user-config") echo "directory" ;;
  esac
}
__agena_subcommands() {
  case $1 in
    "") echo "app attach cat-manifest completion config enter export fetch gc help image list logs metadata-service prepare rm run run-prepared start status stop trust version" ;;
    "app") echo "add attach exec list logs rm sandbox start status stop update" ;;
    "image") echo "cat-manifest df diff export extract gc history import-rkt inspect list push render rm tag tags verify" ;;
  esac
}
__agena_arguments() {
  case $1 in
    "app add") echo "pod" ;;
    "app attach") echo "pod" ;;
    "app exec") echo "pod" ;;
    "app list") echo "pod" ;;
    "app logs") echo "pod" ;;
    "app rm") echo "pod" ;;
    "app start") echo "pod" ;;
    "app status") echo "pod" ;;
    "app stop") echo "pod" ;;
    "app update") echo "pod" ;;
    "attach") echo "pod" ;;
    "cat-manifest") echo "pod" ;;
    "enter") echo "pod" ;;
    "export") echo "pod" ;;
    "fetch") echo "file" ;;
    "image cat-manifest") echo "image" ;;
    "image diff") echo "image" ;;
    "image export") echo "image" ;;
    "image extract") echo "image" ;;
    "image history") echo "image" ;;
    "image import-rkt") echo "directory" ;;
    "image inspect") echo "image" ;;
    "image push") echo "image" ;;
    "image render") echo "image" ;;
    "image rm") echo "image" ;;
    "image tag") echo "image" ;;
    "image verify") echo "image" ;;
    "logs") echo "pod" ;;
    "prepare") echo "file" ;;
    "rm") echo "pod" ;;
    "run") echo "file" ;;
    "run-prepared") echo "pod" ;;
    "start") echo "pod" ;;
    "status") echo "pod" ;;
    "stop") echo "pod" ;;
    "trust") echo "file" ;;
  esac
}
__agena_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
__agena_files() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen "$1" -- "$cur"); }
__agena_pods() { __agena_words "$(agena list --no-legend --full 2>/dev/null | cut -f1)"; }
__agena_images() { __agena_words "$(agena image list --no-legend --full --fields=id 2>/dev/null)"; }
__agena_offer() {
  case $1 in
    file) __agena_files -f ;;
    directory) __agena_files -d ;;
    pod) __agena_pods ;;
    image) __agena_images ;;
    =*) __agena_words "${1#=}" ;;
  esac
}
_agena() {
  local cur prev command="" word next i
  COMPREPLY=()
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD-1]}
  # The shell splits words at '='.
  if [[ $cur == = ]]; then cur=""; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    next=${command:+$command }$word
    if [[ $word != -* && -n $(__agena_is_command "$next") ]]; then command=$next; fi
  done
  if [[ $prev == --* ]]; then
    word=$(__agena_value "$command" "$prev")
    if [[ -n $word ]]; then __agena_offer "$word"; return; fi
  fi
  if [[ $cur == -* ]]; then __agena_words "$(__agena_options "$command")"; return; fi
  word=$(__agena_subcommands "$command")
  if [[ -n $word ]]; then __agena_words "$word"; return; fi
  __agena_offer "$(__agena_arguments "$command")"
}
complete -F _agena agena
