#compdef agena
# zsh completion for agena
_agena_pods() {
  local -a pods
  pods=(${(f)"$(agena list --no-legend --full 2>/dev/null | cut -f1)"})
  compadd -a pods
}
_agena_images() {
  local -a images
  images=(${(f)"$(agena image list --no-legend --full --fields=id 2>/dev/null)"})
  compadd -a images
}
# Of the array in the function below.
_agena_members() { _describe -t commands command members }
_agena() {
  local curcontext=$curcontext command="" next word
  local -a commands arguments members
  integer i
  commands=('app' 'app add' 'app attach' 'app exec' 'app list' 'app logs' 'app rm' 'app sandbox' 'app start' 'app status' 'app stop' 'app update' 'attach' 'cat-manifest' 'completion' 'config' 'enter' 'export' 'fetch' 'gc' 'help' 'image' 'image cat-manifest' 'image df' 'image diff' 'image export' 'image extract' 'image gc' 'image history' 'image import-rkt' 'image inspect' 'image list' 'image push' 'image render' 'image rm' 'image tag' 'image tags' 'image verify' 'list' 'logs' 'metadata-service' 'prepare' 'rm' 'run' 'run-prepared' 'start' 'status' 'stop' 'trust' 'version')
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    next="${command:+$command }$word"
    if [[ $word != -* && ${commands[(Ie)$next]} -gt 0 ]]; then command=$next; fi
  done
  arguments=(
    '*--debug[say more on stderr, errors as a tree, times of the phases]'
    '*--dir=[data directory\: images and pods]:DIR:_files -/'
    '*--help[show help and do nothing else]'
    '*--insecure-options=[security features to do without\: image, tls, http, pubkey, capabilities, paths, seccomp, limits and lsm (those that the host cannot enforce), image-isolators (that images only narrow what apps get), or the groups all-fetch, all-run, all, none]:LIST: '
    '*--local-config=[configuration of the administrator]:DIR:_files -/'
    '*--system-config=[configuration of the distribution]:DIR:_files -/'
    '*--trust-keys-from-https[accept keys found by discovery over https without asking]'
    '*--user-config=[configuration of the user, wins over the others]:DIR:_files -/'
  )
  case $command in
    '') arguments+=(
      '*:command:_agena_members'
    )
    members=(
      'app:Add apps to a pod that runs, and operate on them'
      'attach:Join the streams of an app that runs'
      'cat-manifest:Print the manifest of a pod'
      'completion:Print a completion script for a shell'
      'config:Print the merged configuration'
      'enter:Run a command inside a running pod'
      'export:Write an app of a pod to a file, as an image'
      'fetch:Bring images into the store and print their ids'
      'gc:Delete pods that have ended'
      'help:Show help for a command'
      'image:Operate on the images in the store'
      'list:List pods'
      'logs:Print what the apps of a pod have written'
      'metadata-service:Tell apps about their pods'
      'prepare:Prepare a pod to be run later, and print its UUID'
      'rm:Delete pods that are not running'
      'run:Run images in a pod'
      'run-prepared:Run a prepared pod, or one that has ended again'
      'start:Run a pod that has ended again, or a prepared one'
      'status:Show the status of a pod'
      'stop:Stop running pods'
      'trust:Trust the keys that images are signed with'
      'version:Print versions'
    ) ;;
    'app') arguments+=(
      '*:command:_agena_members'
    )
    members=(
      'add:Add an app to a running pod'
      'attach:Join the streams of an app that runs'
      'exec:Run a command inside a running pod'
      'list:List the apps of a pod'
      'logs:Print what the apps of a pod have written'
      'rm:Remove an app from a pod'
      'sandbox:Run a pod without apps, to which apps are added while it runs'
      'start:Start an app of a running pod'
      'status:Show the status of an app'
      'stop:Stop an app of a running pod'
      'update:Change the limits of an app of a running pod'
    ) ;;
    'app add') arguments+=(
      '*--annotation=[annotation of the app]:NAME=VALUE: '
      '*--apparmor-profile=[AppArmor profile that the app runs under; it must be loaded on the host]:NAME: '
      '*--caps-remove=[capabilities to take from the default set]:LIST: '
      '*--caps-retain=[capabilities to keep, all others are dropped]:LIST: '
      '*--cpu=[CPU limit, as 500m or 2]:CORES: '
      '*--cpu-shares=[weight against other apps when CPUs are busy]:N: '
      '*--device=[give a device of the host to the app, or a directory of devices; rwm\: read, write, make nodes]:HOSTPATH\[\:PATH\]\[\:rwm\]: '
      '*--device-read-bps=[most bytes a second that the app reads from a disk, as /dev/sda\:10M]:PATH\:RATE: '
      '*--device-read-iops=[most read operations a second on a disk]:PATH\:RATE: '
      '*--device-write-bps=[most bytes a second that the app writes to a disk]:PATH\:RATE: '
      '*--device-write-iops=[most write operations a second on a disk]:PATH\:RATE: '
      '*--environment=[environment variable of the app; wins over the image'\''s, but not over --set-env]:NAME=VALUE: '
      '*--exec=[program to run instead of the image'\''s; the image'\''s arguments are dropped]:PATH:_files'
      '*--group=[group\: a name in the image, a number, or a path whose group is taken]:GROUP: '
      '*--health-cmd=[health check\: a command for the app'\''s shell, or a JSON array of a program and its arguments]:COMMAND: '
      '*--health-interval=[time between health checks]:DURATION: '
      '*--health-retries=[failed health checks in a row that make an app unhealthy]:N: '
      '*--health-start-period=[time after its start in which an app'\''s failed health checks do not count]:DURATION: '
      '*--health-timeout=[time after which a health check is killed and has failed]:DURATION: '
      '*--log-driver=[what keeps the app'\''s output\: file and journal (both by default), or none]:LIST: '
      '*--log-max-files=[how many log files the app has at most]:N: '
      '*--log-max-size=[size at which a log file is put aside and a new one begun]:BYTES: '
      '*--memory=[memory limit, as 512Mi or 1G]:BYTES: '
      '*--mnt-volume=[a volume of this app alone and where it is mounted, with whatever --volume may have]:name=NAME,kind=KIND,source=PATH,target=PATH,…: '
      '*--mount=[mount a volume into the app; before the first image\: into all apps]:volume=VOL,target=PATH: '
      '*--name=[name of the app; by default the last part of the image'\''s name]:NAME: '
      '*--no-healthcheck[do not check the app'\''s health, whatever its image says]'
      '*--no-new-privileges[set-user-ID programs and file capabilities give the app nothing]'
      '*--oom-score-adj=[how readily the kernel kills the app when memory runs out, -1000 to 1000]:N: '
      '*--pids-limit=[most processes and threads of the app]:N: '
      '*--port=[forward a port of the host to a port of this app, as for '\''run'\'', until it is removed]:NAME\:\[HOSTIP\:\]PORT: '
      '*--readonly-rootfs=[mount the app'\''s root read-only]:BOOL: '
      '*--restart=[start the app again when it has ended\: no, on-failure\[\:MAX\] or always]:POLICY: '
      '*--rlimit=[limit of each process of the app (setrlimit), as nofile=1024\:4096 or core=unlimited]:NAME=SOFT\[\:HARD\]: '
      '*--sdnotify=[who tells that the app is ready\: app (it notifies $NOTIFY_SOCKET), or none (it is when it runs)]:MODE:(app conmon container ignore none)'
      '*--seccomp=[system calls\: mode=retain|remove\[,errno=E\],CALL|@SET,…]:mode=MODE,…: '
      '*--selinux-context=[SELinux context that the app runs under]:USER\:ROLE\:TYPE\:LEVEL: '
      '*--signature=[detached OpenPGP signature of the image before it]:FILE:_files'
      '*--start[start the app at once]'
      '*--stderr=[errors of the app\: log, null, stream (as log, and attach may join) or tty]:MODE: '
      '*--stdin=[input of the app\: null, stream (what attach sends) or tty]:MODE: '
      '*--stdout=[output of the app\: log, null, stream (as log, and attach may join) or tty]:MODE: '
      '*--stop-signal=[signal that asks the app to end]:SIGNAL: '
      '*--stop-timeout=[how long the app may take to end before it is killed]:DURATION: '
      '*--supplementary-gids=[supplementary group ids]:N,…: '
      '*--timeout=[how long the operation may wait for others; fetching the image does not count]:DURATION: '
      '*--tmpfs=[mount a file system in memory into the app; options\: size=, mode=, uid=, gid=, exec, suid]:PATH\[\:OPTION,…\]: '
      '*--user=[user\: a name in the image, a number, or a path whose owner is taken]:USER: '
      '*--user-annotation=[user annotation of the app]:NAME=VALUE: '
      '*--user-label=[user label of the app]:NAME=VALUE: '
      '*--volume=[a volume of this app alone, for --mount and for the mount point of that name, as for '\''run'\'']:NAME,kind=host|empty,…: '
      '*--working-dir=[working directory of the app]:PATH: '
      '*:argument:_agena_pods'
    ) ;;
    'app attach') arguments+=(
      '*--app=[app to attach to; needed if the pod has several]:APP: '
      '*--mode=[auto\: all there is; list\: only print what there is; or some of stdin,stdout,stderr, or tty, tty-in, tty-out]:MODE: '
      '*:argument:_agena_pods'
    ) ;;
    'app exec') arguments+=(
      '*--app=[app to enter; needed if the pod has several]:APP: '
      '*:argument:_agena_pods'
    ) ;;
    'app list') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--no-legend[leave out the line with the columns'\'' titles]'
      '*:argument:_agena_pods'
    ) ;;
    'app logs') arguments+=(
      '*--app=[only this app; otherwise all, merged by time]:APP: '
      '*--follow[go on with what comes, until the pod ends]'
      '*--format=[json\: an object a line, with time, app, stream and message]:FORMAT:(json)'
      '*--raw[give control characters to a terminal as the app wrote them]'
      '*--since=[only lines from then on, or of the last so long]:TIME|DURATION: '
      '*--tail=[only the last N lines of what there is]:N: '
      '*--timestamps[show when each line was written]'
      '*--until=[only lines up to then, or older than that]:TIME|DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'app rm') arguments+=(
      '*--app=[name of the app; it may stand behind the UUID instead]:APP: '
      '*--timeout=[how long the operation may wait for others; longer by default where an app may take longer to end]:DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'app sandbox') arguments+=(
      '*--annotation=[annotation of the pod]:NAME=VALUE: '
      '*--detach[run the pod in the background, and print its UUID when apps may be added]'
      '*--dns=[name servers for resolv.conf; or '\''host'\'' (the host'\''s file), or '\''none'\'' (the image'\''s)]:IP: '
      '*--dns-domain=[local domain for resolv.conf]:NAME: '
      '*--dns-opt=[option for resolv.conf]:OPTION: '
      '*--dns-search=[search domain for resolv.conf]:DOMAIN: '
      '*--hostname=[host name of the pod]:NAME: '
      '*--hosts-entry=[entries for /etc/hosts; or '\''host'\'' for the host'\''s file]:IP=NAME,…: '
      '*--ipc=[IPC namespace\: auto, private, or parent (the host'\''s)]:MODE:(auto private parent)'
      '*--mds-register[register the pod with the metadata service]'
      '*--net=-[networks of the pod\: default, default-restricted, those of net.d in the local configuration, all of them, none (a loopback interface only) or host (the host'\''s own)]::NAME: '
      '*--no-overlay[copy root file systems instead of mounting overlays]'
      '*--pod-cpu=[CPU limit of the pod as a whole, as 500m or 2]:CORES: '
      '*--pod-memory=[memory limit of the pod as a whole, its systemd included (some 10 MB)]:BYTES: '
      '*--pod-name=[name of the pod, which stands for its UUID in all commands]:NAME: '
      '*--pod-pids-limit=[most processes and threads of the pod as a whole, its systemd included]:N: '
      '*--port=[forward a port of the host to a port of the pod; PROTO is tcp, udp or sctp]:NAME\:PROTO\:PORT\:HOSTIP\:HOSTPORT: '
      '*--private-users[run the pod in a user namespace of its own]'
      '*--shm-size=[size of /dev/shm, which the apps of a pod share; with suffix k, m or g]:SIZE: '
      '*--stage1-from-dir=[stage1 image\: a file in the directory of stage1 images]:FILE: '
      '*--stage1-hash=[stage1 image\: an id in the store]:ID:_agena_images'
      '*--stage1-name=[stage1 image\: a name, as in NAME\:VERSION]:NAME: '
      '*--stage1-path=[stage1 image\: a file]:PATH:_files'
      '*--stage1-url=[stage1 image\: a URL]:URL: '
      '*--sysctl=[kernel setting of the pod\: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*]:NAME=VALUE: '
      '*--timeout=[stop the pod after this time; it ends with exit code 124 then]:DURATION: '
      '*--trace=[write what each stage does when the pod starts to this file, in the Chrome trace format]:FILE:_files'
      '*--user-annotation=[user'\''s annotation of the pod]:NAME=VALUE: '
      '*--user-label=[user'\''s label of the pod]:NAME=VALUE: '
      '*--uuid-file-save=[write the pod'\''s UUID to a file before the pod starts]:PATH:_files'
      '*--wait-timeout=[with --detach\: how long the pod may take until it is ready]:DURATION: '
      '*:argument: '
    ) ;;
    'app start') arguments+=(
      '*--app=[name of the app; it may stand behind the UUID instead]:APP: '
      '*--timeout=[how long the operation may wait for others; longer by default where an app may take longer to end]:DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'app status') arguments+=(
      '*--app=[name of the app; it may stand behind the UUID instead]:APP: '
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*:argument:_agena_pods'
    ) ;;
    'app stop') arguments+=(
      '*--app=[name of the app; it may stand behind the UUID instead]:APP: '
      '*--time=[how long the app may take to end before it is killed; by default what it was given (--stop-timeout)]:DURATION: '
      '*--timeout=[how long the operation may wait for others; longer by default where an app may take longer to end]:DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'app update') arguments+=(
      '*--app=[name of the app; it may stand behind the UUID instead]:APP: '
      '*--cpu=[CPU limit, as 500m or 2]:CORES: '
      '*--cpu-shares=[weight against other apps when CPUs are busy]:N: '
      '*--device-read-bps=[most bytes a second that the app reads from a disk, as /dev/sda\:10M]:PATH\:RATE: '
      '*--device-read-iops=[most read operations a second on a disk]:PATH\:RATE: '
      '*--device-write-bps=[most bytes a second that the app writes to a disk]:PATH\:RATE: '
      '*--device-write-iops=[most write operations a second on a disk]:PATH\:RATE: '
      '*--memory=[memory limit, as 512Mi or 1G]:BYTES: '
      '*--pids-limit=[most processes and threads of the app]:N: '
      '*--timeout=[how long the operation may wait for others; longer by default where an app may take longer to end]:DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'attach') arguments+=(
      '*--app=[app to attach to; needed if the pod has several]:APP: '
      '*--mode=[auto\: all there is; list\: only print what there is; or some of stdin,stdout,stderr, or tty, tty-in, tty-out]:MODE: '
      '*:argument:_agena_pods'
    ) ;;
    'cat-manifest') arguments+=(
      '*--pretty-print[indent the JSON]'
      '*--uuid-file=[read the pod'\''s UUID from a file instead of an argument]:PATH:_files'
      '*:argument:_agena_pods'
    ) ;;
    'completion') arguments+=(
      '*:argument: '
    ) ;;
    'config') arguments+=(
      '*--pretty-print[indent the JSON]'
      '*:argument: '
    ) ;;
    'enter') arguments+=(
      '*--app=[app to enter; needed if the pod has several]:APP: '
      '*:argument:_agena_pods'
    ) ;;
    'export') arguments+=(
      '*--app=[app to export; needed if the pod has several]:APP: '
      '*--compression=[none, gzip or zstd; the default is the format'\''s]:NAME:(none gzip zstd)'
      '*--overwrite[replace a target that exists]'
      '*--to=[aci (the default), oci or docker-archive]:FORMAT:(aci oci docker-archive)'
      '*:argument:_agena_pods'
    ) ;;
    'fetch') arguments+=(
      '*--full[do not shorten ids, sizes and times]'
      '*--max-image-size=[how large an image may be when it is unpacked]:BYTES: '
      '*--platform=[which of the images that one reference stands for (this machine'\''s by default)]:OS/ARCH\[/VARIANT\]: '
      '*--pull-policy=[where images may come from\: never (the store only), new (the store first), update (the source again)]:POLICY:(never new update)'
      '*--signature=[detached OpenPGP signature of the image before it]:FILE:_files'
      '*:argument:_files'
    ) ;;
    'gc') arguments+=(
      '*--expire-prepared=[how long prepared pods are kept that nobody runs]:DURATION: '
      '*--grace-period=[how long marked pods are kept]:DURATION: '
      '*--mark-only[mark ended pods, delete nothing]'
      '*:argument: '
    ) ;;
    'help') arguments+=(
      '*:argument: '
    ) ;;
    'image') arguments+=(
      '*:command:_agena_members'
    )
    members=(
      'cat-manifest:Print the appc manifest of an image'
      'df:Show what takes room in the store'
      'diff:Show how two images differ, or an app'\''s root from its image'
      'export:Write an image to a file'
      'extract:Write the files of an image to a directory'
      'gc:Remove images that nobody has used for a while'
      'history:Show how an image was made, the last step first'
      'import-rkt:Bring in the images of a store of rkt'
      'inspect:Show all that is known of images'
      'list:List the images in the store'
      'push:Put an image into a registry'
      'render:Write the root of an image to a directory'
      'rm:Remove images from the store'
      'tag:Give an image further names'
      'tags:List the tags that a registry has of a name'
      'verify:Check the unpacked layers of images, and repair them'
    ) ;;
    'image cat-manifest') arguments+=(
      '*--oci=-[the exact bytes of the image'\''s own manifest or config]::DOCUMENT:(manifest config)'
      '*--pretty-print[indent the JSON]'
      '*:argument:_agena_images'
    ) ;;
    'image df') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*:argument: '
    ) ;;
    'image diff') arguments+=(
      '*--app=[app of the pod; needed if it has several]:APP: '
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*:argument:_agena_images'
    ) ;;
    'image export') arguments+=(
      '*--compression=[none, gzip or zstd; the default is the format'\''s]:NAME:(none gzip zstd)'
      '*--overwrite[replace a target that exists]'
      '*--to=[aci (the default), oci or docker-archive]:FORMAT:(aci oci docker-archive)'
      '*:argument:_agena_images'
    ) ;;
    'image extract') arguments+=(
      '*--overwrite[replace what is in the directory'\''s place]'
      '*--rootfs-only[the root itself, without the manifest]'
      '*:argument:_agena_images'
    ) ;;
    'image gc') arguments+=(
      '*--dry-run[only say what would be removed]'
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--grace-period=[how long an image is kept after its last use]:DURATION: '
      '*:argument: '
    ) ;;
    'image history') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--full[do not shorten ids, sizes and times]'
      '*--no-legend[leave out the line with the columns'\'' titles]'
      '*:argument:_agena_images'
    ) ;;
    'image import-rkt') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*:argument:_files -/'
    ) ;;
    'image inspect') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*:argument:_agena_images'
    ) ;;
    'image list') arguments+=(
      '*--fields=[columns to print; further\: names, format, digest, unique, shared, layers]:LIST: '
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--full[do not shorten ids, sizes and times]'
      '*--no-legend[leave out the line with the columns'\'' titles]'
      '*--order=[asc or desc]:ORDER:(asc desc)'
      '*--sort=[columns to sort by\: name, importtime, lastused, size]:LIST: '
      '*:argument: '
    ) ;;
    'image push') arguments+=(
      '*--compression=[none, gzip or zstd; the default is the format'\''s]:NAME:(none gzip zstd)'
      '*:argument:_agena_images'
    ) ;;
    'image render') arguments+=(
      '*--overwrite[replace what is in the directory'\''s place]'
      '*--rootfs-only[the root itself, without the manifest]'
      '*:argument:_agena_images'
    ) ;;
    'image rm') arguments+=(
      '*:argument:_agena_images'
    ) ;;
    'image tag') arguments+=(
      '*:argument:_agena_images'
    ) ;;
    'image tags') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*:argument: '
    ) ;;
    'image verify') arguments+=(
      '*--all[all images of the store]'
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--repair[fetch what is damaged again from where the image came]'
      '*:argument:_agena_images'
    ) ;;
    'list') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--full[do not shorten ids, sizes and times]'
      '*--no-legend[leave out the line with the columns'\'' titles]'
      '*:argument: '
    ) ;;
    'logs') arguments+=(
      '*--app=[only this app; otherwise all, merged by time]:APP: '
      '*--follow[go on with what comes, until the pod ends]'
      '*--format=[json\: an object a line, with time, app, stream and message]:FORMAT:(json)'
      '*--raw[give control characters to a terminal as the app wrote them]'
      '*--since=[only lines from then on, or of the last so long]:TIME|DURATION: '
      '*--tail=[only the last N lines of what there is]:N: '
      '*--timestamps[show when each line was written]'
      '*--until=[only lines up to then, or older than that]:TIME|DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'metadata-service') arguments+=(
      '*--listen-port=[port that the pods'\'' requests come to, unless the service manager passes a socket]:PORT: '
      '*:argument: '
    ) ;;
    'prepare') arguments+=(
      '*--annotation=[annotation of the app]:NAME=VALUE: '
      '*--apparmor-profile=[AppArmor profile that the app runs under; it must be loaded on the host]:NAME: '
      '*--caps-remove=[capabilities to take from the default set]:LIST: '
      '*--caps-retain=[capabilities to keep, all others are dropped]:LIST: '
      '*--cpu=[CPU limit, as 500m or 2]:CORES: '
      '*--cpu-shares=[weight against other apps when CPUs are busy]:N: '
      '*--device=[give a device of the host to the app, or a directory of devices; rwm\: read, write, make nodes]:HOSTPATH\[\:PATH\]\[\:rwm\]: '
      '*--device-read-bps=[most bytes a second that the app reads from a disk, as /dev/sda\:10M]:PATH\:RATE: '
      '*--device-read-iops=[most read operations a second on a disk]:PATH\:RATE: '
      '*--device-write-bps=[most bytes a second that the app writes to a disk]:PATH\:RATE: '
      '*--device-write-iops=[most write operations a second on a disk]:PATH\:RATE: '
      '*--environment=[environment variable of the app; wins over the image'\''s, but not over --set-env]:NAME=VALUE: '
      '*--exec=[program to run instead of the image'\''s; the image'\''s arguments are dropped]:PATH:_files'
      '*--group=[group\: a name in the image, a number, or a path whose group is taken]:GROUP: '
      '*--health-cmd=[health check\: a command for the app'\''s shell, or a JSON array of a program and its arguments]:COMMAND: '
      '*--health-interval=[time between health checks]:DURATION: '
      '*--health-retries=[failed health checks in a row that make an app unhealthy]:N: '
      '*--health-start-period=[time after its start in which an app'\''s failed health checks do not count]:DURATION: '
      '*--health-timeout=[time after which a health check is killed and has failed]:DURATION: '
      '*--inherit-env[give apps the caller'\''s environment, below the image'\''s own]'
      '*--log-driver=[what keeps the app'\''s output\: file and journal (both by default), or none]:LIST: '
      '*--log-max-files=[how many log files the app has at most]:N: '
      '*--log-max-size=[size at which a log file is put aside and a new one begun]:BYTES: '
      '*--max-image-size=[how large an image may be when it is unpacked]:BYTES: '
      '*--memory=[memory limit, as 512Mi or 1G]:BYTES: '
      '*--mount=[mount a volume into the app; before the first image\: into all apps]:volume=VOL,target=PATH: '
      '*--name=[name of the app; by default the last part of the image'\''s name]:NAME: '
      '*--no-healthcheck[do not check the app'\''s health, whatever its image says]'
      '*--no-new-privileges[set-user-ID programs and file capabilities give the app nothing]'
      '*--no-overlay[copy root file systems instead of mounting overlays]'
      '*--oom-score-adj=[how readily the kernel kills the app when memory runs out, -1000 to 1000]:N: '
      '*--pids-limit=[most processes and threads of the app]:N: '
      '*--platform=[which of the images that one reference stands for (this machine'\''s by default)]:OS/ARCH\[/VARIANT\]: '
      '*--pod-cpu=[CPU limit of the pod as a whole, as 500m or 2]:CORES: '
      '*--pod-manifest=[take apps, volumes and ports from a pod manifest; no images and no flags about those then]:PATH:_files'
      '*--pod-memory=[memory limit of the pod as a whole, its systemd included (some 10 MB)]:BYTES: '
      '*--pod-name=[name of the pod, which stands for its UUID in all commands]:NAME: '
      '*--pod-pids-limit=[most processes and threads of the pod as a whole, its systemd included]:N: '
      '*--port=[forward a port of the host to a port of the pod\: one that an image names, or PORT\[/PROTO\]]:NAME\:\[HOSTIP\:\]PORT: '
      '*--private-users[run the pod in a user namespace of its own]'
      '*--pull-policy=[where images may come from\: never (the store only), new (the store first), update (the source again)]:POLICY:(never new update)'
      '*--quiet[print nothing but the result]'
      '*--readonly-rootfs=[mount the app'\''s root read-only]:BOOL: '
      '*--restart=[start the app again when it has ended\: no, on-failure\[\:MAX\] or always]:POLICY: '
      '*--rlimit=[limit of each process of the app (setrlimit), as nofile=1024\:4096 or core=unlimited]:NAME=SOFT\[\:HARD\]: '
      '*--sdnotify=[who tells that the app is ready\: app (it notifies $NOTIFY_SOCKET), or none (it is when it runs)]:MODE:(app conmon container ignore none)'
      '*--seccomp=[system calls\: mode=retain|remove\[,errno=E\],CALL|@SET,…]:mode=MODE,…: '
      '*--selinux-context=[SELinux context that the app runs under]:USER\:ROLE\:TYPE\:LEVEL: '
      '*--set-env=[environment variable for all apps; wins over --set-env-file, --environment and the image]:NAME=VALUE: '
      '*--set-env-file=[file with a NAME=VALUE a line; lines that begin with # or ; are skipped]:PATH:_files'
      '*--shm-size=[size of /dev/shm, which the apps of a pod share; with suffix k, m or g]:SIZE: '
      '*--signature=[detached OpenPGP signature of the image before it]:FILE:_files'
      '*--stage1-from-dir=[stage1 image\: a file in the directory of stage1 images]:FILE: '
      '*--stage1-hash=[stage1 image\: an id in the store]:ID:_agena_images'
      '*--stage1-name=[stage1 image\: a name, as in NAME\:VERSION]:NAME: '
      '*--stage1-path=[stage1 image\: a file]:PATH:_files'
      '*--stage1-url=[stage1 image\: a URL]:URL: '
      '*--stderr=[errors of the app\: log, null, stream (as log, and attach may join) or tty]:MODE: '
      '*--stdin=[input of the app\: null, stream (what attach sends) or tty]:MODE: '
      '*--stdout=[output of the app\: log, null, stream (as log, and attach may join) or tty]:MODE: '
      '*--stop-signal=[signal that asks the app to end]:SIGNAL: '
      '*--stop-timeout=[how long the app may take to end before it is killed]:DURATION: '
      '*--supplementary-gids=[supplementary group ids]:N,…: '
      '*--sysctl=[kernel setting of the pod\: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*]:NAME=VALUE: '
      '*--tmpfs=[mount a file system in memory into the app; options\: size=, mode=, uid=, gid=, exec, suid]:PATH\[\:OPTION,…\]: '
      '*--user=[user\: a name in the image, a number, or a path whose owner is taken]:USER: '
      '*--user-annotation=[user annotation of the app]:NAME=VALUE: '
      '*--user-label=[user label of the app]:NAME=VALUE: '
      '*--volume=[volume of the pod\: kind=host,source=PATH\[,readOnly=BOOL\]\[,recursive=BOOL\]\[,propagation=private|slave|shared\]\[,idmap=BOOL\] or kind=empty\[,mode=OCTAL\]\[,uid=N\]\[,gid=N\]; a comma in a path is written %2C]:NAME,kind=KIND,…: '
      '*--working-dir=[working directory of the app]:PATH: '
      '*:argument:_files'
    ) ;;
    'rm') arguments+=(
      '*--uuid-file=[read the pod'\''s UUID from a file instead of an argument]:PATH:_files'
      '*:argument:_agena_pods'
    ) ;;
    'run') arguments+=(
      '*--annotation=[annotation of the app]:NAME=VALUE: '
      '*--apparmor-profile=[AppArmor profile that the app runs under; it must be loaded on the host]:NAME: '
      '*--caps-remove=[capabilities to take from the default set]:LIST: '
      '*--caps-retain=[capabilities to keep, all others are dropped]:LIST: '
      '*--cpu=[CPU limit, as 500m or 2]:CORES: '
      '*--cpu-shares=[weight against other apps when CPUs are busy]:N: '
      '*--device=[give a device of the host to the app, or a directory of devices; rwm\: read, write, make nodes]:HOSTPATH\[\:PATH\]\[\:rwm\]: '
      '*--device-read-bps=[most bytes a second that the app reads from a disk, as /dev/sda\:10M]:PATH\:RATE: '
      '*--device-read-iops=[most read operations a second on a disk]:PATH\:RATE: '
      '*--device-write-bps=[most bytes a second that the app writes to a disk]:PATH\:RATE: '
      '*--device-write-iops=[most write operations a second on a disk]:PATH\:RATE: '
      '*--dns=[name servers for resolv.conf; or '\''host'\'' (the host'\''s file), or '\''none'\'' (the image'\''s)]:IP: '
      '*--dns-domain=[local domain for resolv.conf]:NAME: '
      '*--dns-opt=[option for resolv.conf]:OPTION: '
      '*--dns-search=[search domain for resolv.conf]:DOMAIN: '
      '*--environment=[environment variable of the app; wins over the image'\''s, but not over --set-env]:NAME=VALUE: '
      '*--exec=[program to run instead of the image'\''s; the image'\''s arguments are dropped]:PATH:_files'
      '*--group=[group\: a name in the image, a number, or a path whose group is taken]:GROUP: '
      '*--health-cmd=[health check\: a command for the app'\''s shell, or a JSON array of a program and its arguments]:COMMAND: '
      '*--health-interval=[time between health checks]:DURATION: '
      '*--health-retries=[failed health checks in a row that make an app unhealthy]:N: '
      '*--health-start-period=[time after its start in which an app'\''s failed health checks do not count]:DURATION: '
      '*--health-timeout=[time after which a health check is killed and has failed]:DURATION: '
      '*--hostname=[host name of the pod]:NAME: '
      '*--hosts-entry=[entries for /etc/hosts; or '\''host'\'' for the host'\''s file]:IP=NAME,…: '
      '*--inherit-env[give apps the caller'\''s environment, below the image'\''s own]'
      '*--interactive[give the terminal to the app; for pods of one app]'
      '*--ipc=[IPC namespace\: auto, private, or parent (the host'\''s)]:MODE:(auto private parent)'
      '*--log-driver=[what keeps the app'\''s output\: file and journal (both by default), or none]:LIST: '
      '*--log-max-files=[how many log files the app has at most]:N: '
      '*--log-max-size=[size at which a log file is put aside and a new one begun]:BYTES: '
      '*--max-image-size=[how large an image may be when it is unpacked]:BYTES: '
      '*--mds-register[register the pod with the metadata service]'
      '*--memory=[memory limit, as 512Mi or 1G]:BYTES: '
      '*--mount=[mount a volume into the app; before the first image\: into all apps]:volume=VOL,target=PATH: '
      '*--name=[name of the app; by default the last part of the image'\''s name]:NAME: '
      '*--net=-[networks of the pod\: default, default-restricted, those of net.d in the local configuration, all of them, none (a loopback interface only) or host (the host'\''s own)]::NAME: '
      '*--no-healthcheck[do not check the app'\''s health, whatever its image says]'
      '*--no-new-privileges[set-user-ID programs and file capabilities give the app nothing]'
      '*--no-overlay[copy root file systems instead of mounting overlays]'
      '*--oom-score-adj=[how readily the kernel kills the app when memory runs out, -1000 to 1000]:N: '
      '*--pids-limit=[most processes and threads of the app]:N: '
      '*--platform=[which of the images that one reference stands for (this machine'\''s by default)]:OS/ARCH\[/VARIANT\]: '
      '*--pod-cpu=[CPU limit of the pod as a whole, as 500m or 2]:CORES: '
      '*--pod-manifest=[take apps, volumes and ports from a pod manifest; no images and no flags about those then]:PATH:_files'
      '*--pod-memory=[memory limit of the pod as a whole, its systemd included (some 10 MB)]:BYTES: '
      '*--pod-name=[name of the pod, which stands for its UUID in all commands]:NAME: '
      '*--pod-pids-limit=[most processes and threads of the pod as a whole, its systemd included]:N: '
      '*--port=[forward a port of the host to a port of the pod\: one that an image names, or PORT\[/PROTO\]]:NAME\:\[HOSTIP\:\]PORT: '
      '*--private-users[run the pod in a user namespace of its own]'
      '*--pull-policy=[where images may come from\: never (the store only), new (the store first), update (the source again)]:POLICY:(never new update)'
      '*--readonly-rootfs=[mount the app'\''s root read-only]:BOOL: '
      '*--restart=[start the app again when it has ended\: no, on-failure\[\:MAX\] or always]:POLICY: '
      '*--rlimit=[limit of each process of the app (setrlimit), as nofile=1024\:4096 or core=unlimited]:NAME=SOFT\[\:HARD\]: '
      '*--sdnotify=[who tells that the app is ready\: app (it notifies $NOTIFY_SOCKET), or none (it is when it runs)]:MODE:(app conmon container ignore none)'
      '*--seccomp=[system calls\: mode=retain|remove\[,errno=E\],CALL|@SET,…]:mode=MODE,…: '
      '*--selinux-context=[SELinux context that the app runs under]:USER\:ROLE\:TYPE\:LEVEL: '
      '*--set-env=[environment variable for all apps; wins over --set-env-file, --environment and the image]:NAME=VALUE: '
      '*--set-env-file=[file with a NAME=VALUE a line; lines that begin with # or ; are skipped]:PATH:_files'
      '*--shm-size=[size of /dev/shm, which the apps of a pod share; with suffix k, m or g]:SIZE: '
      '*--signature=[detached OpenPGP signature of the image before it]:FILE:_files'
      '*--stage1-from-dir=[stage1 image\: a file in the directory of stage1 images]:FILE: '
      '*--stage1-hash=[stage1 image\: an id in the store]:ID:_agena_images'
      '*--stage1-name=[stage1 image\: a name, as in NAME\:VERSION]:NAME: '
      '*--stage1-path=[stage1 image\: a file]:PATH:_files'
      '*--stage1-url=[stage1 image\: a URL]:URL: '
      '*--stderr=[errors of the app\: log, null, stream (as log, and attach may join) or tty]:MODE: '
      '*--stdin=[input of the app\: null, stream (what attach sends) or tty]:MODE: '
      '*--stdout=[output of the app\: log, null, stream (as log, and attach may join) or tty]:MODE: '
      '*--stop-signal=[signal that asks the app to end]:SIGNAL: '
      '*--stop-timeout=[how long the app may take to end before it is killed]:DURATION: '
      '*--supplementary-gids=[supplementary group ids]:N,…: '
      '*--sysctl=[kernel setting of the pod\: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*]:NAME=VALUE: '
      '*--timeout=[stop the pod after this time; it ends with exit code 124 then]:DURATION: '
      '*--tmpfs=[mount a file system in memory into the app; options\: size=, mode=, uid=, gid=, exec, suid]:PATH\[\:OPTION,…\]: '
      '*--trace=[write what each stage does when the pod starts to this file, in the Chrome trace format]:FILE:_files'
      '*--user=[user\: a name in the image, a number, or a path whose owner is taken]:USER: '
      '*--user-annotation=[user annotation of the app]:NAME=VALUE: '
      '*--user-label=[user label of the app]:NAME=VALUE: '
      '*--uuid-file-save=[write the pod'\''s UUID to a file before the pod starts]:PATH:_files'
      '*--volume=[volume of the pod\: kind=host,source=PATH\[,readOnly=BOOL\]\[,recursive=BOOL\]\[,propagation=private|slave|shared\]\[,idmap=BOOL\] or kind=empty\[,mode=OCTAL\]\[,uid=N\]\[,gid=N\]; a comma in a path is written %2C]:NAME,kind=KIND,…: '
      '*--working-dir=[working directory of the app]:PATH: '
      '*:argument:_files'
    ) ;;
    'run-prepared') arguments+=(
      '*--dns=[name servers for resolv.conf; or '\''host'\'' (the host'\''s file), or '\''none'\'' (the image'\''s)]:IP: '
      '*--dns-domain=[local domain for resolv.conf]:NAME: '
      '*--dns-opt=[option for resolv.conf]:OPTION: '
      '*--dns-search=[search domain for resolv.conf]:DOMAIN: '
      '*--hostname=[host name of the pod]:NAME: '
      '*--hosts-entry=[entries for /etc/hosts; or '\''host'\'' for the host'\''s file]:IP=NAME,…: '
      '*--interactive[give the terminal to the app; for pods of one app]'
      '*--ipc=[IPC namespace\: auto, private, or parent (the host'\''s)]:MODE:(auto private parent)'
      '*--mds-register[register the pod with the metadata service]'
      '*--net=-[networks of the pod\: default, default-restricted, those of net.d in the local configuration, all of them, none (a loopback interface only) or host (the host'\''s own)]::NAME: '
      '*--timeout=[stop the pod after this time; it ends with exit code 124 then]:DURATION: '
      '*--trace=[write what each stage does when the pod starts to this file, in the Chrome trace format]:FILE:_files'
      '*:argument:_agena_pods'
    ) ;;
    'start') arguments+=(
      '*--dns=[name servers for resolv.conf; or '\''host'\'' (the host'\''s file), or '\''none'\'' (the image'\''s)]:IP: '
      '*--dns-domain=[local domain for resolv.conf]:NAME: '
      '*--dns-opt=[option for resolv.conf]:OPTION: '
      '*--dns-search=[search domain for resolv.conf]:DOMAIN: '
      '*--hostname=[host name of the pod]:NAME: '
      '*--hosts-entry=[entries for /etc/hosts; or '\''host'\'' for the host'\''s file]:IP=NAME,…: '
      '*--interactive[give the terminal to the app; for pods of one app]'
      '*--ipc=[IPC namespace\: auto, private, or parent (the host'\''s)]:MODE:(auto private parent)'
      '*--mds-register[register the pod with the metadata service]'
      '*--net=-[networks of the pod\: default, default-restricted, those of net.d in the local configuration, all of them, none (a loopback interface only) or host (the host'\''s own)]::NAME: '
      '*--timeout=[stop the pod after this time; it ends with exit code 124 then]:DURATION: '
      '*--trace=[write what each stage does when the pod starts to this file, in the Chrome trace format]:FILE:_files'
      '*:argument:_agena_pods'
    ) ;;
    'status') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--uuid-file=[read the pod'\''s UUID from a file instead of an argument]:PATH:_files'
      '*--wait=-[wait until the pod has ended, at most for a duration]::BOOL|DURATION: '
      '*--wait-ready=-[wait until the pod is ready, at most for a duration]::BOOL|DURATION: '
      '*:argument:_agena_pods'
    ) ;;
    'stop') arguments+=(
      '*--force[kill the pod instead of asking it to end]'
      '*--timeout=[how long the pod may take to end before it is killed; 0 does not wait, -1 waits for ever; the default is longer if its apps may take longer]:DURATION: '
      '*--uuid-file=[read the pod'\''s UUID from a file instead of an argument]:PATH:_files'
      '*:argument:_agena_pods'
    ) ;;
    'trust') arguments+=(
      '*--format=[print json, or json-pretty, instead of text]:FORMAT:(json json-pretty)'
      '*--insecure-allow-http[also look for keys, and load them, over plain http]'
      '*--list[list the keys that are trusted]'
      '*--prefix=[trust the keys for images of this name and all names below it]:NAME: '
      '*--remove=[trust this key no longer]:FINGERPRINT: '
      '*--root[trust the keys for all images]'
      '*--skip-fingerprint-review[trust the keys without asking]'
      '*:argument:_files'
    ) ;;
    'version') arguments+=(
      '*:argument: '
    ) ;;
  esac
  _arguments -s : $arguments
}
# Both as a file of a directory of $fpath, and by source.
if [[ $funcstack[1] == _agena ]]; then _agena "$@"; else compdef _agena agena; fi
