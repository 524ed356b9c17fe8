// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { errnoText, KubeArmorError } from '#base';
import { NAMES } from '#cluster';
import { askedCluster } from '../cluster/cluster-flags.ts';
import type { ClusterPort } from '../cluster/cluster-port.ts';
import { findInstallation } from '../cluster/installation.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { collect } from './collect.ts';
import { zip } from './zip.ts';

/** `karmor sysdump`. */
export async function runSysdump(flags: Flags, io: Io): Promise<ExitCode> {
  using cluster = await io.cluster(askedCluster(flags));
  const namespace = await namespaceOf(cluster, flags, io);
  const path = flags.text('file') ?? `karmor-sysdump-${new Date(io.wallMs()).toISOString().replaceAll(/[:.]/g, '-')}.zip`;
  const { files, problems, redacted } = await collect(cluster, { namespace, allPods: flags.isSet('allPods') }, io);
  await writeNew(path, zip(files));
  for (const problem of problems) io.err(`karmor sysdump: not read: ${problem}`);
  await io.out(`${path}: ${files.length} files, ${redacted} secrets taken out; look through it before you send it to anybody`);
  return problems.length === 0 ? EXIT_CODES.ok.code : EXIT_CODES.partial.code;
}

/** A cluster without KubeArmor is worth a dump too. */
async function namespaceOf(cluster: ClusterPort, flags: Flags, io: Io): Promise<string> {
  try {
    return (await findInstallation(cluster, flags.text('namespace'), io.signal)).namespace;
  } catch (error) {
    if (!(error instanceof KubeArmorError) || error.code !== 'NOT_SUPPORTED') throw error;
    io.err(`karmor sysdump: ${error.message}`);
    return NAMES.namespace;
  }
}

async function writeNew(path: string, content: Buffer): Promise<void> {
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(content);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already; name another, or remove it' : errnoText(error);
    throw new KubeArmorError('HOST_IO', `writing ${path}: ${why}`, { cause: error });
  }
}
