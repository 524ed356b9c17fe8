// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { arch as machine } from 'node:os';
import { join } from 'node:path';
import { ARCHES } from '../../tools/release/debian.ts';
import { makeImage, makeLayer, writeArchive } from '../../tools/release/oci.ts';
import type { Entry } from '../../tools/release/tree.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What a pod of a test is made from: busybox. */
export const BUSYBOX = 'docker.io/test/busybox:1';
const PAUSE = 'docker.io/test/pause:1';
/** Files of their own, as rules are about paths of files. */
const FILES = ['busybox', 'sh', 'cat', 'ls', 'sleep'];
const LINKS = [
  'echo',
  'false',
  'head',
  'httpd',
  'id',
  'kill',
  'ln',
  'mkdir',
  'mv',
  'nc',
  'readlink',
  'seq',
  'touch',
  'true',
  'usleep',
  'wget',
];

/** The archive of the sandbox's and the tests' images, in `folder`. */
export function makeTestImages(folder: string): string {
  const arch = ARCHES.find((one) => one === (machine() === 'x64' ? 'amd64' : machine())) ?? 'amd64';
  const work = mkdtempSync(join(folder, 'images-'));
  const files: readonly Entry[] = [
    ...FILES.map((name) => ({ path: `bin/${name}`, from: '/bin/busybox', mode: 0o755 })),
    ...LINKS.map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'tmp', folder: true, mode: 0o1777 },
    { path: 'etc/passwd', text: 'root:x:0:0:root:/root:/bin/sh\n' },
  ];
  const layer = makeLayer(files, join(work, 'busybox'), 0, 'busybox');
  const image = (reference: string, ...entrypoint: readonly string[]): ReturnType<typeof makeImage> =>
    makeImage(reference, arch, [layer], { entrypoint, user: '0:0', workingDirectory: '/', labels: {}, created: 0 });
  const out = join(folder, 'test-images.tar');
  writeArchive([image(BUSYBOX, '/bin/sh'), image(PAUSE, '/bin/sleep', 'infinity')], out, join(work, 'archive'), 0);
  rmSync(work, { recursive: true });
  return out;
}

/** The demo's web server, known to containerd as `localhost/web-app:demo`. */
export const makeWebImage = (): string => execFileSync(join(ROOT, 'demo/make-image.sh'), { encoding: 'utf8' }).trim();

export interface OwnImages {
  readonly archive: string;
  readonly version: string;
}

/** Our own images and their version, of the last `make images`, or of another folder. @throws {Error} where there are none */
export function ownImages(folder = join(ROOT, '.cache/images')): OwnImages {
  const [archive] = globSync('kubearmor-images_*_linux_amd64.tar', { cwd: folder });
  if (archive === undefined) throw new Error(`there are no images in ${folder}: run make images`);
  return { archive: join(folder, archive), version: /kubearmor-images_(.*)_linux/.exec(archive)?.[1] ?? '' };
}
