#!/bin/bash
# Unpacks into artifacts/peers/ what the matrix compares with: programs of newer Debian suites and, for the test host,
# the full kernel and a newer QEMU. Nothing is installed.
#
#   artifacts/peers/trixie/root          containerd 1.7, virtiofsd 1.13
#   artifacts/peers/sid/root             containerd 2.x, virtiofsd 1.14, vhost-device-vsock
#   artifacts/peers/docker-trixie/root   Docker 26.1
#   artifacts/peers/docker-sid/root      Docker 28.5, tini
#   artifacts/peers/testhost/root        kernel with KVM and vhost modules, in /boot and /lib/modules
#   artifacts/peers/testhost-qemu/root   QEMU 10.0 and all that it needs
#
# virtiofsd of these suites needs a newer C library than Debian 12's: it is started through the loader and the libraries
# that are unpacked beside it. containerd, Docker and vhost-device-vsock run as they are; runc is the machine's own.
set -euo pipefail

cd "$(dirname "$0")/../.."
fetch=Apps/Agent/image/debian.sh
"$fetch" trixie artifacts/peers/trixie containerd virtiofsd libc6 libcap-ng0 libseccomp2 libgcc-s1
"$fetch" sid artifacts/peers/sid containerd virtiofsd vhost-device-vsock libc6 libcap-ng0 libseccomp2 libgcc-s1
"$fetch" trixie artifacts/peers/docker-trixie docker.io docker-cli
"$fetch" sid artifacts/peers/docker-sid docker.io docker-cli tini-static
# Kernel and QEMU of the test host, and its initrd with them.
Tests/TestHost/build.sh
