// SPDX-License-Identifier: Apache-2.0
import { capabilityNumber } from '#policy';
import type { Access, CaseWorkload, ExecStep } from './format.ts';
import { absolute, objectsOf } from './stimulus.ts';

/** What an image of a family is like where cases can see it. */
export interface Family {
  readonly mergedUsr: boolean;
  /** Real paths of the shells by the name that they are called by. */
  readonly shells: Readonly<Record<string, string>>;
}

const SPLIT: Family = { mergedUsr: false, shells: { bash: '/bin/bash', dash: '/bin/dash', sh: '/bin/dash' } };
const MERGED: Family = { mergedUsr: true, shells: { bash: '/usr/bin/bash', dash: '/usr/bin/dash', sh: '/usr/bin/dash' } };
const BUSYBOX: Family = { mergedUsr: false, shells: { ash: '/bin/busybox', sh: '/bin/busybox' } };
/** By words of a family's name; /bin is a directory of its own in images of Ubuntu 18.04 and Debian 9 and before. */
const FAMILIES: readonly { readonly name: RegExp; readonly family: Family }[] = [
  { name: /alpine|busybox/, family: BUSYBOX },
  { name: /usrmerge|host|ubuntu2|debian1/, family: MERGED },
  { name: /./, family: SPLIT },
];

export function familyOf({ fs_family = 'ubuntu18.04' }: CaseWorkload): Family {
  return FAMILIES.find(({ name }) => name.test(fs_family))!.family;
}

/** The files that cases rely on, as stage.ts is told of them. */
const FILES: readonly string[] = [
  '/tmp/ @0:1777',
  '/run/',
  '/home/',
  '/root/.bashrc',
  '/secret.txt',
  '/credentials/password',
  '/credentials/token',
  '/credentials/keys/cert.ca',
  '/credentials/keys/priv.key',
  '/home/user1/ @1000',
  '/home/user1/hello @1000',
  '/home/user1/secret_data1.txt @1000',
  '/home/user1/otherfile.txt @1000',
  '/home/user1/dir1/ @1000',
  '/home/user1/dir1/key1.txt @1000',
  '/etc/gshadow',
  '/etc/hostname',
  '/etc/shells',
  '/etc/default/useradd',
  '/dev/shm/ @0:1777',
  '/var/www/html/',
];

const parentOf = (path: string): string => `${path.slice(0, path.lastIndexOf('/'))}/`;

/** What a workload's root holds besides what every root holds: the files above, what the steps act with and on. */
export function rootOf(workload: CaseWorkload, steps: readonly ExecStep[]): string[] {
  const made = new Set<string>();
  const programs = new Set<string>(Object.values(familyOf(workload).shells));
  const items: string[] = [];
  for (const { access } of steps) {
    const { program = [], file = [], directory = [], makes = [] } = objectsOf(access);
    for (const path of [...actors(access), ...program]) if (!made.has(path)) programs.add(path);
    for (const path of file) if (!made.has(path)) items.push(path);
    for (const path of directory) items.push(`${path}/`);
    for (const path of makes) {
      items.push(parentOf(path));
      made.add(path);
    }
  }
  const known = new Set(FILES.map((item) => item.split(' ')[0]));
  const files = [...new Set(items)].filter((item) => !known.has(item) && !programs.has(item));
  return [...FILES, ...files, ...[...programs].map((path) => `${path} = stim`)];
}

const actors = ({ actor, parent }: Access): string[] => [actor, parent].filter((path) => path !== undefined).map(absolute);

/** What a runtime leaves a container. @source containerd, oci/spec.go, defaultUnixCaps */
const USUAL_CAPS =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE';

/** Options of cell.c for the capabilities of a container. */
export function capabilityOptions({ caps_add = [], security_context = {} }: CaseWorkload, container: string): string[] {
  const context = JSON.stringify(security_context[container] ?? {});
  const all = [...caps_add, ...(/"ALL"/.test(context) ? ['ALL'] : [])].map((name) => name.toUpperCase().replace(/^CAP_/, ''));
  if (all.includes('ALL') || /"privileged":true/.test(context)) return [];
  let mask = 0n;
  for (const name of [...USUAL_CAPS.split(' '), ...all]) mask |= 1n << BigInt(capabilityNumber(`CAP_${name}`));
  return ['--caps', mask.toString(16)];
}
