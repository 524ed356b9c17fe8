// SPDX-License-Identifier: Apache-2.0

/** Configuration of a containerd of a test's own: all its files below `home`, its API at `socket`, without what a test does not need. */
export function containerdConfig(home: string, socket: string): string {
  return [
    'version = 2',
    `root = "${home}/root"`,
    `state = "${home}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]',
    `[grpc]\n  address = "${socket}"`,
    `[plugins."io.containerd.internal.v1.opt"]\n  path = "${home}/opt"`,
  ].join('\n');
}
