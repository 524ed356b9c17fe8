// SPDX-License-Identifier: Apache-2.0
// Fails where a dependency has no allowed licence, no exact version or no hash, or where another one is installed than the lock file says.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Licences that a work under Apache-2.0 may be delivered with, without terms of their own for the whole. */
const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'BlueOak-1.0.0'];

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
}

/** The part of package-lock.json (and of node_modules/.package-lock.json) that is read here. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** The part of package.json that is read here. */
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Everything wrong with the dependencies, one line each; `installed` is absent before npm has run. */
export function findProblems(manifest: Manifest, lock: LockFile, installed: LockFile | undefined): string[] {
  return [...checkManifest(manifest, lock), ...checkLock(lock), ...checkInstalled(lock, installed)];
}

/** Whether an SPDX expression of `AND`, `OR` and brackets can be met with the allowed licences alone. */
export function isAllowed(expression: string): boolean {
  const inner = expression.replace(/^\((.*)\)$/, '$1');
  return inner.split(' OR ').some((choice) => choice.split(' AND ').every((id) => ALLOWED.includes(id.replace(/[()]/g, ''))));
}

function checkManifest(manifest: Manifest, lock: LockFile): string[] {
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).flatMap(([name, version]) => {
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) return [`${name}: package.json asks for ${version}, not for one exact version`];
    const locked = lock.packages[`node_modules/${name}`]?.version;
    return locked === version ? [] : [`${name}: package.json asks for ${version}, package-lock.json has ${locked ?? 'none'}`];
  });
}

function checkLock(lock: LockFile): string[] {
  return Object.entries(lock.packages).flatMap(([path, { license, integrity }]) => {
    if (path === '') return [];
    const found =
      license !== undefined && isAllowed(license)
        ? []
        : [`${path}: licence ${license ?? 'unknown'} is not in the list of tools/licences.ts`];
    return integrity === undefined ? [...found, `${path}: no hash in package-lock.json`] : found;
  });
}

function checkInstalled(lock: LockFile, installed: LockFile | undefined): string[] {
  return Object.entries(installed?.packages ?? {}).flatMap(([path, entry]) => {
    const locked = lock.packages[path];
    return locked?.version === entry.version && locked?.integrity === entry.integrity
      ? []
      : [`${path}: ${entry.version} is installed, package-lock.json has ${locked?.version ?? 'none'}`];
  });
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const read = <T>(path: string): T => JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
  const hidden = 'node_modules/.package-lock.json';
  const installed = existsSync(join(root, hidden)) ? read<LockFile>(hidden) : undefined;
  const found = findProblems(read<Manifest>('package.json'), read<LockFile>('package-lock.json'), installed);
  for (const line of found) console.error(`licences: ${line}`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
