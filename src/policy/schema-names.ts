// SPDX-License-Identifier: Apache-2.0
import { CAPABILITIES } from './capabilities.ts';
import type { PolicyKind, Protocol } from './model.ts';

export const API_VERSION = 'security.kubearmor.com/v1';

export const POLICY_KINDS: readonly PolicyKind[] = [
  'KubeArmorPolicy',
  'KubeArmorHostPolicy',
  'KubeArmorClusterPolicy',
  'KubeArmorNetworkPolicy',
];

export const PROTOCOLS: readonly Protocol[] = [
  'tcp',
  'udp',
  'icmp',
  'icmpv6',
  'sctp',
  'dccp',
  'raw',
  'stream',
  'dgram',
  'seqpacket',
  'rdm',
  'packet',
  'all',
];

/**
 * The capabilities that KubeArmor's API server knows, lower case without prefix: the first 34 of the kernel's, to `mac_admin`.
 * We take the later ones too.
 */
export const KUBEARMOR_CAPABILITIES: readonly string[] = CAPABILITIES.slice(0, 34).map((name) => name.slice('CAP_'.length).toLowerCase());

export const PRESETS: readonly string[] = ['anonymousMapExec', 'filelessExec', 'protectEnv', 'exec', 'protectProc'];

/**
 * USB class names and numbers.
 *
 * @source USB-IF, defined class codes
 */
export const USB_CLASSES: Readonly<Record<string, number>> = {
  AUDIO: 1,
  'COMMUNICATION-CDC': 2,
  HID: 3,
  PHYSICAL: 5,
  IMAGE: 6,
  PRINTER: 7,
  'MASS-STORAGE': 8,
  HUB: 9,
  'CDC-DATA': 10,
  'SMART-CARD': 11,
  'CONTENT-SECURITY': 13,
  VIDEO: 14,
  'PERSONAL-HEALTHCARE': 15,
  'AUDIO/VIDEO': 16,
  BILLBOARD: 17,
  'TYPE-C-BRIDGE': 18,
  'BULK-DISPLAY': 19,
  MCTP: 20,
  I3C: 60,
  DIAGNOSTIC: 220,
  'WIRELESS-CONTROLLER': 224,
  MISCELLANEOUS: 239,
  'APPLICATION-SPECIFIC': 254,
  'VENDOR-SPECIFIC': 255,
};

/** Ports that a KubeArmorNetworkPolicy may name. */
export const NAMED_PORTS: readonly string[] = ['ssh', 'http', 'https', 'dns'];

/** Key of the label that names containers, and those that name nodes, with their regular expression twins. */
export const CONTAINER_NAME_LABEL = 'kubearmor.io/container.name';
export const HOSTNAME_LABELS: readonly string[] = ['kubearmor.io/hostname', 'kubernetes.io/hostname'];
export const HOSTNAME_REGEX_LABELS: readonly string[] = ['kubearmor.io/hostnamereg', 'kubernetes.io/hostnamereg'];
