// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';
import { ADVERSARY_CASES } from './adversary.ts';
import { ALLOW_LIST_CASES } from './allow-lists.ts';
import { APPLET_CASES } from './applets.ts';
import { CAPABILITY_CASES } from './capabilities.ts';
import { DESCRIPTOR_CASES } from './descriptors.ts';
import { DOCUMENT_CASES } from './documents.ts';
import { FILE_CASES } from './files.ts';
import { HOST_CASES } from './host.ts';
import { ISOLATION_CASES } from './isolation.ts';
import { LIFECYCLE_CASES } from './lifecycle.ts';
import { MERGED_USR_CASES } from './merged-usr.ts';
import { NAME_CASES } from './names.ts';
import { NETWORK_CASES } from './network.ts';
import { PEER_CASES } from './peers.ts';
import { PORT_CASES } from './ports.ts';
import { PRECEDENCE_CASES } from './precedence.ts';
import { PROCESS_CASES } from './process.ts';
import { SELF_CASES } from './self.ts';
import { SELF_PLACES_CASES } from './self-places.ts';
import { TELEMETRY_CASES } from './telemetry.ts';
import { URING_CASES } from './uring.ts';

/** Every case, in the order of the report. */
export const CASES: readonly KernelCase[] = [
  ...PROCESS_CASES,
  ...PRECEDENCE_CASES,
  ...FILE_CASES,
  ...DESCRIPTOR_CASES,
  ...NAME_CASES,
  ...APPLET_CASES,
  ...ISOLATION_CASES,
  ...NETWORK_CASES,
  ...PORT_CASES,
  ...PEER_CASES,
  ...CAPABILITY_CASES,
  ...URING_CASES,
  ...LIFECYCLE_CASES,
  ...SELF_CASES,
  ...SELF_PLACES_CASES,
  ...ADVERSARY_CASES,
  ...DOCUMENT_CASES,
  ...MERGED_USR_CASES,
  ...ALLOW_LIST_CASES,
  ...TELEMETRY_CASES,
  ...HOST_CASES,
];
