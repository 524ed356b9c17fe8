// SPDX-License-Identifier: Apache-2.0
import { readTextIfAny } from './read-text.ts';

/** One mount of a mount namespace, as `/proc/PID/mountinfo` shows it. */
export interface MountEntry {
  readonly id: number;
  /** Where it is mounted, from the root of the process whose file was read. */
  readonly mountPoint: string;
  /** The part of its file system that it shows. */
  readonly root: string;
  readonly fileSystem: string;
  readonly source: string;
  readonly readOnly: boolean;
}

/**
 * Reads mountinfo text; lines it cannot read are left out.
 *
 * @source proc_pid_mountinfo(5): `id parent major:minor root mountpoint options [optional…] - type source superoptions`, with
 * space, tab, newline and backslash as `\ooo`
 */
export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [id, , , root, mountPoint, options] = fields;
    if (dash < 0 || id === undefined || root === undefined || mountPoint === undefined || options === undefined) continue;
    entries.push({
      id: Number(id),
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      fileSystem: fields[dash + 1] ?? '',
      source: unescapeOctal(fields[dash + 2] ?? ''),
      readOnly: options.split(',').includes('ro'),
    });
  }
  return entries;
}

/**
 * The mounts that a process sees; empty if it is gone.
 *
 * @param file a mountinfo file, like `/proc/1/mountinfo`
 */
export function readMounts(file: string): MountEntry[] {
  return parseMountinfo(readTextIfAny(file) ?? '');
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
