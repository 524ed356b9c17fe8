// SPDX-License-Identifier: Apache-2.0
import { asWritten } from '../compile.ts';
import type { Access } from '../access.ts';
import type { PathResolver } from '../lower.ts';
import type { Family, Policy, Posture, Workload } from '../model.ts';
import type { Decision, Named, World } from './naive-model.ts';
import { decidePath } from './naive-paths.ts';
import { decideCapability, decideSocket } from './naive-sockets.ts';

/**
 * What the design page on the meaning of policies says of an access, rule by rule and without any table: for tests only.
 *
 * Shares with the compiler no more than `parseGlob`'s fixed prefix. Knows no path deeper than the kernel reads.
 */
export function naiveEvaluate(
  policies: readonly Policy[],
  workload: Workload,
  access: Access,
  resolve: PathResolver = asWritten,
): Decision {
  const named: Named[] = policies.flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })));
  const byPath = named.filter(({ rule }) => rule.family === 'process' || rule.family === 'file');
  const world: World = {
    resolve,
    posture: (family) => posture(family, named, workload),
    secondName: byPath.some(({ rule }) => rule.action === 'Block'),
  };
  if (access.kind === 'socket') return decideSocket(world, named, access);
  if (access.kind === 'capability') return decideCapability(world, named, access);
  return decidePath(world, named, access);
}

function posture(family: Family, named: readonly Named[], { postures }: Workload): Posture | undefined {
  const allows = named.filter(({ rule }) => rule.family === family && rule.action === 'Allow');
  if (allows.length === 0) return undefined;
  const own = family === 'network' ? postures.network : family === 'capabilities' ? postures.capabilities : postures.file;
  return own === 'block' || allows.some(({ policy }) => policy.defaultPosture === 'block') ? 'block' : 'audit';
}
