// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { KubeArmorError } from '#base';
import type { Issue } from '#base';
import { replaceFile } from '#host';
import { LIMITS, parsePolicyObject, parsePolicyText } from '#policy';
import type { ParsedDocument, Policy } from '#policy';
import { backupFileName, withoutKubernetes } from './policy-identity.ts';
import type { PolicyFile } from './policy-store.ts';

const ENDINGS = ['.yaml', '.yml', '.json'];
const FILES_MAX = 10_000;

function ioError(doing: string, error: unknown): KubeArmorError {
  const why = (error as NodeJS.ErrnoException).code ?? String(error);
  return new KubeArmorError('HOST_IO', `${doing}: ${why}`, { cause: error });
}

/** What is wrong with a file before its content counts. */
function fileIssue(file: string, problem: string, cure: string): PolicyFile {
  const issue: Issue = { severity: 'error', code: 'FILE_UNREADABLE', file, at: '', problem, cure };
  return { path: file, digest: problem, policies: [], issues: [issue], isBackup: false };
}

/**
 * The paths of a folder's policy files, sorted; the folder is made if it is not there. Hidden files are left out.
 *
 * @throws {KubeArmorError} `HOST_IO`, `LIMIT_EXCEEDED`
 */
export async function listPolicyFiles(directory: string): Promise<string[]> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(directory)).filter((name) => !name.startsWith('.') && ENDINGS.includes(path.extname(name).toLowerCase()));
    if (names.length > FILES_MAX) {
      throw new KubeArmorError(
        'LIMIT_EXCEEDED',
        `reading the folder ${directory}: ${names.length} policy files; the limit is ${FILES_MAX}`,
      );
    }
    return names.toSorted().map((name) => path.join(directory, name));
  } catch (error) {
    throw error instanceof KubeArmorError ? error : ioError(`reading the folder ${directory}`, error);
  }
}

/**
 * Reads one file. What is wrong is told in it, never thrown.
 *
 * @param known the digest it had before
 * @returns `same` if it has it still, undefined where there is no such file
 */
export async function readPolicyFile(file: string, known?: string): Promise<PolicyFile | 'same' | undefined> {
  try {
    // O_NONBLOCK: a FIFO must not hold us up
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) return fileIssue(file, 'is no regular file', 'move it away');
    const limit = LIMITS.fileBytes.value;
    if (stat.size > limit) return fileIssue(file, `has ${stat.size} bytes; the limit is ${limit}`, 'split it');
    const bytes = Buffer.alloc(stat.size);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    const text = bytes.toString('utf8', 0, bytesRead);
    return digestOf(text) === known ? 'same' : parsePolicyFile(file, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    return fileIssue(file, `cannot be read: ${code ?? String(error)}`, 'see what the file system says');
  }
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The policies of a file's text. */
export function parsePolicyFile(file: string, text: string): PolicyFile {
  const backup = parseBackup(file, text);
  const documents = backup === undefined ? parsePolicyText(text, file) : [backup];
  const policies = documents.flatMap(({ policy }) => (policy === undefined ? [] : [withoutKubernetes(policy)]));
  return {
    path: file,
    digest: digestOf(text),
    policies,
    issues: documents.flatMap(({ issues }) => issues),
    isBackup: backup?.policy !== undefined,
  };
}

/** The form this agent and KubeArmor keep policies of the RPC in: one JSON object, `apiVersion` not needed. */
function parseBackup(file: string, text: string): ParsedDocument | undefined {
  if (!text.startsWith('{') || Buffer.byteLength(text) > LIMITS.documentBytes.value) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('metadata' in value)) return undefined;
    return parsePolicyObject(value, { file });
  } catch {
    return undefined;
  }
}

/** As `replaceFile`. @throws {KubeArmorError} `HOST_IO` */
export async function writeAtomically(file: string, text: string, mode = 0o600): Promise<void> {
  await replaceFile(file, text, mode).catch((error: unknown) => {
    throw ioError(`writing ${file}`, error);
  });
}

/** Where policies of the RPC are kept. */
export interface Backups {
  /** Where a policy would be kept. */
  pathOf(policy: Pick<Policy, 'kind' | 'name'>): string;
  /** @throws {KubeArmorError} `HOST_IO`; what was there before is still there */
  save(file: string, text: string): Promise<void>;
  /** @throws {KubeArmorError} `HOST_IO` */
  remove(file: string): Promise<void>;
}

/** A policy of the RPC as it is kept: KubeArmor's own form, with the version that makes it a document for everybody. */
export function backupText({ kind, document }: Policy): string {
  const { metadata, spec } = document as { metadata?: unknown; spec?: unknown };
  return `${JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', kind, metadata, spec })}\n`;
}

/** Backups in the folder of policies, so that a restart finds them with all others. */
export function folderBackups(directory: string): Backups {
  return {
    pathOf: (policy) => path.join(directory, backupFileName(policy)),
    async save(file, text) {
      await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
        throw ioError(`making ${directory}`, error);
      });
      await writeAtomically(file, text);
    },
    async remove(file) {
      await rm(file, { force: true }).catch((error: unknown) => {
        throw ioError(`removing ${file}`, error);
      });
    },
  };
}
