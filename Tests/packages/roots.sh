# What the checks share that work in roots of Debian. They source this in the folder of the checkout, and mount in a namespace of their own, so that what they
# mount is not seen where the roots are deleted.
# shellcheck shell=bash

wrong() { printf 'FAILED: %s\n' "$*"; exit 1; }

# make_root FOLDER RELEASE OPTION…: makes a root with these options of mmdebstrap. A mirror may be so far behind that apt would not trust its list any more.
make_root() {
  mmdebstrap --quiet --skip=cleanup/apt --aptopt='Acquire::Check-Valid-Until "false"' "${@:3}" "$2" "$1" http://deb.debian.org/debian >"$1.log" 2>&1 ||
    { cat "$1.log"; wrong "there is no root of $2 to be had"; }
}

# mount_system FOLDER: mounts in a root what programs need of the system.
mount_system() {
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
}

# within FOLDER COMMAND: runs a command in a root.
within() { chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive /bin/bash -euo pipefail -c "$2"; }
