// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { COMMIT } from '#base';

/** Relative to this source and to its bundle in a working tree; in a release the bundle lies in `lib` below the agent's folder. */
const places =
  COMMIT === undefined
    ? { object: '../../.cache/bpf/kubearmor.bpf.o', canary: '../../.cache/native/canary', launcher: '../../kubearmor' }
    : { object: '../BPF/kubearmor.bpf.o', canary: '../lib/canary', launcher: '../kubearmor' };

const locate = (place: string): string => fileURLToPath(new URL(place, import.meta.url));

/** Files of the agent's own: the compiled programs, the canary, and what starts the agent. */
export const OWN_FILES = { object: locate(places.object), canary: locate(places.canary), launcher: locate(places.launcher) } as const;
