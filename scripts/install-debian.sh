#!/usr/bin/env bash
# install-debian.sh PACKAGE...: installs what is missing of these Debian packages; starts no daemon. For tests that need
# a program which npm does not have. Exits 0 when all of them are there, 1 if this machine cannot have them.
set -euo pipefail

missing=()
for package in "$@"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null || { echo "install-debian.sh: no apt-get here to install ${missing[*]} with" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "install-debian.sh: only root can install ${missing[*]}" >&2; exit 1; }

# Two test files may run this at once.
exec 9>/tmp/install-debian.lock
flock 9
export DEBIAN_FRONTEND=noninteractive
# A package that comes with a service would start it: policy-rc.d prevents that in Debian.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# Once for a machine and day: an old list names packages that the mirror no longer has.
if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*InRelease' -mtime -1 -print -quit 2>/dev/null)" ]; then
  apt-get -qq update >&2
fi
apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
