// SPDX-License-Identifier: Apache-2.0
import { realpathSync } from 'node:fs';
import type { BpfMap } from '#libbpf';

/** Stands for the host where a workload's cgroup id stands: no cgroup has it. @source bpf/lib/host.h */
export const HOST_CGROUP_ID = 0n;
/** Number of the host's scope. @source bpf/lib/scope.h */
export const HOST_SCOPE = 0;

/** @source bpf/lib/scope.h, enum task_flag */
const LAUNCHES_SERVICE = 8;
const LAUNCHES_CONTAINER = 16;
/** @source bpf/lib/host.h */
const PATH_BYTES = 128;
const LAUNCHERS_MAX = 64;
const HOST_BYTES = 48;
const AGENT_AT = 40;

const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const RUNTIMES = ['runc', 'crun', 'youki', 'containerd', 'containerd-shim-runc-v2', 'dockerd', 'docker-init', 'crio', 'conmon'];
const RUNTIMES_BESIDE = ['podman', 'buildkitd', 'systemd-nspawn', 'lxc-start'];
const SERVICE_MANAGERS = ['/usr/lib/systemd/systemd', '/usr/lib/systemd/systemd-executor'];

/** Programs that are launchers beside those that are known in the usual folders. */
export interface MoreLaunchers {
  /** Of a service manager. */
  readonly services?: readonly string[];
  /** Of container runtimes. */
  readonly containers?: readonly string[];
}

/**
 * Programs that prepare a mount name space for what they execute, as the kernel names them: while they do, the host's rules are not
 * theirs, and what a runtime executes there is a container (docs/adr/0021-host.md).
 */
function launchers({ services = [], containers = [] }: MoreLaunchers): Map<string, number> {
  const found = new Map<string, number>();
  const add = (path: string, flag: number): void => {
    const real = realPath(path);
    if (real !== undefined && Buffer.byteLength(real) < PATH_BYTES && found.size < LAUNCHERS_MAX) found.set(real, flag);
  };
  for (const path of [...SERVICE_MANAGERS, ...services]) add(path, LAUNCHES_SERVICE);
  for (const path of containers) add(path, LAUNCHES_CONTAINER);
  for (const name of [...RUNTIMES, ...RUNTIMES_BESIDE])
    for (const directory of DIRECTORIES) add(`${directory}/${name}`, LAUNCHES_CONTAINER);
  return found;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Tells the kernel which programs are launchers, and which process is the agent: the host's rules are not its. */
export function describeHost(
  maps: { readonly host: BpfMap; readonly launchers: BpfMap },
  agentPid: number,
  more: MoreLaunchers = {},
): void {
  for (const [path, flag] of launchers(more)) {
    const [key, value] = [Buffer.alloc(PATH_BYTES), Buffer.alloc(4)];
    key.write(path);
    value.writeUInt32LE(flag);
    maps.launchers.update(key, value);
  }
  nameAgent(maps.host, agentPid);
}

/** Only tells which process is the agent; in force once the adopting iterator has run. */
export function nameAgent(host: BpfMap, agentPid: number): void {
  const value = Buffer.alloc(HOST_BYTES); // the rest is the kernel's to fill
  value.writeUInt32LE(agentPid, AGENT_AT);
  host.update(Buffer.alloc(4), value);
}
