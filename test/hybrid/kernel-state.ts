// SPDX-License-Identifier: Apache-2.0
// kernel-state.ts: what is in force in the kernel of the node that it runs on: `N scopes, N images`, but for the scope of the agent's canary.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BpfMap } from '#libbpf';

const PINS = '/sys/fs/bpf/kubearmor';
const SCRATCH = '/sys/fs/cgroup/kubearmor-canary';

const [name] = existsSync(PINS) ? readdirSync(PINS) : [];
const pins = name === undefined ? undefined : join(PINS, name);

function using<T>(pins: string, map: string, ask: (map: BpfMap) => T): T {
  using opened = BpfMap.openPinned(join(pins, map));
  if (opened === undefined) throw new Error(`no ${map} in ${pins}`);
  return ask(opened);
}

function scopesOf(pins: string): number {
  const scratch = existsSync(SCRATCH) ? statSync(SCRATCH, { bigint: true }).ino : undefined;
  return using(pins, 'map_bindings', (map) => map.keys().filter((key) => key.readBigUInt64LE() !== scratch).length);
}

/** Of the one kind of map that holds an image each; empty ones hold none. */
function imagesOf(pins: string): number {
  const slot = Buffer.alloc(4);
  const isTaken = (map: BpfMap, i: number): boolean => {
    slot.writeUInt32LE(i);
    return map.lookup(slot) !== undefined;
  };
  const takenIn = (map: BpfMap): number => Array.from({ length: map.info.maxEntries }, (_, i) => isTaken(map, i)).filter(Boolean).length;
  const maps = readdirSync(pins).filter((file) => file.startsWith('map_images_'));
  return maps.reduce((sum, file) => sum + using(pins, file, takenIn), 0);
}

console.log(pins === undefined ? '0 scopes, 0 images' : `${scopesOf(pins)} scopes, ${imagesOf(pins)} images`);
