// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { KubeArmorError } from '#base';
import { openScratchCgroup, readProcess, removeScratchCgroup, run } from '#host';
import type { ScratchCgroup } from '#host';

/** A place where a canary can live: its cgroup, and which capabilities its programs have there. */
export interface CanaryPlace {
  readonly cgroupId: bigint;
  /** Bit n is capability n. */
  readonly capabilities: bigint;
  /**
   * Runs a plan (native/canary.c says what that is) to its end.
   *
   * @returns what it answered
   * @throws {KubeArmorError} where it did not come that far
   */
  run(plan: string, signal: AbortSignal): Promise<string>;
  /** Ends what runs there, and leaves nothing behind. */
  close(): Promise<void>;
}

/** What runs canaries; the real one but for tests. */
export interface Canary {
  /** @throws {KubeArmorError} why none can run on this node */
  open(): Promise<CanaryPlace>;
  /** Removes what an agent that was killed left behind, if anything. @throws {KubeArmorError} */
  clear(): Promise<void>;
}

export const CANARY_CGROUP = 'kubearmor-canary';
/** The program ends by itself before. */
const TIMEOUT_MS = 12_000;
const OUTPUT_MAX = 1 << 20;

export interface NativeCanaryOptions {
  /** Built from native/canary.c. */
  readonly program: string;
  /** Any directory: in the canary's own mount name space its root is mounted there. */
  readonly mountpoint: string;
}

/** The canary of this node. */
export function nativeCanary({ program, mountpoint }: NativeCanaryOptions): Canary {
  return {
    clear: () => removeScratchCgroup(CANARY_CGROUP),
    async open() {
      if (!existsSync(program)) throw new KubeArmorError('NOT_SUPPORTED', `opening the canary: there is no ${program}: make build`);
      const cgroup = await openScratchCgroup(CANARY_CGROUP);
      return {
        cgroupId: cgroup.id,
        capabilities: readProcess('self')?.effectiveCapabilities ?? 0n,
        run: (plan, signal) => runIn(cgroup, { program, mountpoint, plan, signal }),
        close: () => cgroup.remove(),
      };
    },
  };
}

interface Work extends NativeCanaryOptions {
  readonly plan: string;
  readonly signal: AbortSignal;
}

async function runIn({ directory }: ScratchCgroup, { program, mountpoint, plan, signal }: Work): Promise<string> {
  const options = { input: plan, timeoutMs: TIMEOUT_MS, outputMaxBytes: OUTPUT_MAX, signal };
  const { exitCode, signal: killedBy, stdout, stderr } = await run(program, [directory, mountpoint], options);
  if (exitCode === 0) return stdout;
  const why = stderr.trim() || (killedBy === undefined ? `exit code ${exitCode}` : `ended by ${killedBy}`);
  throw new KubeArmorError('HOST_IO', `running a canary: ${why}`);
}
