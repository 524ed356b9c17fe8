// SPDX-License-Identifier: Apache-2.0
// tamper.ts unbind|image|link CLOSE-FD: what root on the node can do to enforcement. It runs there; the cases call it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BpfLink, BpfMap } from '#libbpf';

const PINS = '/sys/fs/bpf/kubearmor';
const SCRATCH = '/sys/fs/cgroup/kubearmor-canary';
const LINK = 'link_ka_bprm_check';
const SLOTS = 16;

const pins = join(PINS, readdirSync(PINS)[0] ?? '');
const openMap = (name: string): BpfMap => BpfMap.openPinned(join(pins, name)) ?? failing(`no ${name} in ${pins}`);
const failing = (why: string): never => {
  throw new Error(why);
};

/** Every container, but not the canary: what nobody but the watch can see. */
function unbind(): void {
  using bindings = openMap('map_bindings');
  const scratch = statSync(SCRATCH, { bigint: true }).ino;
  for (const key of bindings.keys()) if (key.readBigUInt64LE() !== scratch) bindings.delete(key);
}

function emptyImages(): void {
  using images = openMap('map_images_0');
  const slot = Buffer.alloc(4);
  for (let i = 0; i < SLOTS; i++) {
    slot.writeUInt32LE(i);
    if (images.lookup(slot) !== undefined) images.delete(slot);
  }
}

/** The descriptor by which the agent holds it, and the pin. */
function detach(closeFd: string): void {
  const pin = join(pins, LINK);
  const pid = agentPid();
  let fds: string[] = [];
  {
    using link = BpfLink.openPinned(pin) ?? failing(`no ${pin}`);
    const isLink = (fd: string): boolean =>
      new RegExp(`^link_id:\\s*${link.id}$`, 'm').test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    fds = readdirSync(`/proc/${pid}/fdinfo`).filter(isLink);
  }
  for (const fd of fds) execFileSync(closeFd, [String(pid), fd]);
  unlinkSync(pin); // the last: the agent pins again what it holds
}

function agentPid(): number {
  const isAgent = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0/opt/kubearmor/kubearmor\0');
    } catch {
      return false; // it is gone
    }
  };
  return Number(readdirSync('/proc').find((name) => /^\d+$/.test(name) && isAgent(name)) ?? failing('no agent runs'));
}

const [deed, closeFd = ''] = process.argv.slice(2);
if (deed === 'unbind') unbind();
else if (deed === 'image') emptyImages();
else if (deed === 'link') detach(closeFd);
else failing(`no such deed: ${deed}`);
