// SPDX-License-Identifier: Apache-2.0

interface ErrnoMeaning {
  readonly why: string;
  /** What the operator can do. */
  readonly hint: string;
}

/** What the operating system answers about files, in words. @source errno(3) */
const MEANINGS: Readonly<Record<string, ErrnoMeaning>> = {
  ENOENT: { why: 'no such file or folder', hint: 'correct the path, or make its folder' },
  ENOTDIR: { why: 'a part of the path is no folder', hint: 'correct the path' },
  EISDIR: { why: 'it is a folder', hint: 'name a file' },
  EACCES: { why: 'permission denied', hint: 'run as root, or correct the permissions' },
  EPERM: { why: 'not permitted', hint: 'run as root' },
  ELOOP: { why: 'its links lead in a circle, or to a link that is not followed', hint: 'correct the link' },
  ENAMETOOLONG: { why: 'the path is too long', hint: 'shorten the path' },
  ENOSPC: { why: 'no space is left on the device', hint: 'make room, or choose another place' },
  EDQUOT: { why: 'the quota is used up', hint: 'make room, or choose another place' },
  EROFS: { why: 'the file system is read-only', hint: 'choose another place' },
  EMFILE: { why: 'too many files are open', hint: 'raise the limit of open files (ulimit -n)' },
  ENFILE: { why: 'too many files are open', hint: 'raise fs.file-max' },
  EBUSY: { why: 'it is in use', hint: 'end what uses it' },
  EADDRINUSE: { why: 'the address is in use', hint: 'choose another address, or end what listens there' },
  EEXIST: { why: 'it is there already', hint: 'remove it, or choose another place' },
  ENXIO: { why: 'there is nothing behind it', hint: 'name a file' },
  ENODEV: { why: 'there is nothing behind it', hint: 'name a file' },
  EIO: { why: 'the device failed', hint: 'see the kernel’s log' },
};

const codeOf = (error: unknown): string | undefined => {
  const code = typeof error === 'object' && error !== null ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
};
const meaningOf = (error: unknown): ErrnoMeaning | undefined => {
  const code = codeOf(error);
  return code !== undefined && Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined;
};

/** Why a call of the file system failed, without the path, which whoever reports it names: `permission denied (EACCES)`. */
export function errnoText(error: unknown): string {
  const code = codeOf(error);
  const meaning = meaningOf(error);
  if (meaning !== undefined) return `${meaning.why} (${code})`;
  return code ?? (error instanceof Error ? error.message : String(error));
}

/** What to do about such a failure; undefined where it is none of those that we know a cure for. */
export function errnoHint(error: unknown): string | undefined {
  return meaningOf(error)?.hint;
}
