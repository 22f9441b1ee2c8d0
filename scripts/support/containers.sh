# Sourced: lets buildah and podman work as root on a machine without a container engine, with everything they
# write (images, layers, sockets, configuration) in one folder.
export TASKER_IMAGE_HOME="${TASKER_IMAGE_HOME:-$PWD/.tmp/containers}"
mkdir -p "$TASKER_IMAGE_HOME/run" "$TASKER_IMAGE_HOME/tmp"
export TMPDIR="$TASKER_IMAGE_HOME/tmp"
export CONTAINERS_CONF="$TASKER_IMAGE_HOME/containers.conf" CONTAINERS_STORAGE_CONF="$TASKER_IMAGE_HOME/storage.conf"
cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = []
netns = "host"
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$TASKER_IMAGE_HOME/run/libpod"
volume_path = "$TASKER_IMAGE_HOME/volumes"
[network]
network_config_dir = "$TASKER_IMAGE_HOME/networks"
CONF
cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "${TASKER_STORAGE_DRIVER:-overlay}"
runroot = "$TASKER_IMAGE_HOME/run/storage"
graphroot = "$TASKER_IMAGE_HOME/storage"
CONF
# Registries are never asked, and whatever is built here is trusted.
mkdir -p /etc/containers
[ -e /etc/containers/policy.json ] || printf '{"default":[{"type":"insecureAcceptAnything"}]}\n' >/etc/containers/policy.json
