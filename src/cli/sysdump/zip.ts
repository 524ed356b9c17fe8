// SPDX-License-Identifier: Apache-2.0
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  /** With forward slashes, relative. */
  readonly name: string;
  readonly content: Buffer;
}

/** @source PKWARE, .ZIP File Format Specification (APPNOTE 6.3), 4.3.7, 4.3.12, 4.3.16 */
const SIGNATURES = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 } as const;
const VERSION = 20;
/** Names are UTF-8. */
const FLAGS = 0x0800;
const DEFLATE = 8;
/** 1980-01-01: the earliest there is. Times are in the manifest. */
const DATE = 0x21;
/** Unix, regular file, 0600. */
const MADE_BY_UNIX = (3 << 8) | VERSION;
const MODE = (0o100600 << 16) >>> 0;

/**
 * A ZIP archive of files, compressed.
 *
 * @throws {RangeError} for 65,535 files or more, or 4 GiB: those need another format
 */
export function zip(files: readonly ZipFile[]): Buffer {
  if (files.length >= 0xffff) throw new RangeError(`${files.length} files are too many for a ZIP archive`);
  const [locals, centrals]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const { name, content } of files) {
    const path = Buffer.from(name);
    const packed = deflateRawSync(content);
    const facts = factsOf(path, content, packed);
    const local = Buffer.concat([u32(SIGNATURES.local), u16(VERSION), facts, u16(0), path, packed]);
    // comment, disk, internal attributes: none
    const rest = [u16(0), u16(0), u16(0), u16(0), u32(MODE), u32(offset), path];
    centrals.push(Buffer.concat([u32(SIGNATURES.central), u16(MADE_BY_UNIX), u16(VERSION), facts, ...rest]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  if (offset + directory.length > 0xffff_ffff) throw new RangeError('more than 4 GiB are too much for a ZIP archive');
  const count = u16(files.length);
  const end = Buffer.concat([u32(SIGNATURES.end), u16(0), u16(0), count, count, u32(directory.length), u32(offset), u16(0)]);
  return Buffer.concat([...locals, directory, end]);
}

/** What local and central headers share: from the flags to the length of the name. */
function factsOf(path: Buffer, content: Buffer, packed: Buffer): Buffer {
  return Buffer.concat([
    u16(FLAGS),
    u16(DEFLATE),
    u16(0),
    u16(DATE),
    u32(crc32(content)),
    u32(packed.length),
    u32(content.length),
    u16(path.length),
  ]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
