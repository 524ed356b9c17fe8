// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Arch } from './debian.ts';
import { gzip, packTar, writeTree } from './tree.ts';
import type { Entry } from './tree.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** Where bytes lie and what they are. @source https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: 'linux'; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A layer: compressed, in a file. */
export interface Layer {
  readonly file: string;
  readonly descriptor: Descriptor;
  /** Digest of the layer before it was compressed. */
  readonly diffId: string;
  /** One line for the image's history. */
  readonly what: string;
}

/** What runs when a container of an image starts, and as whom. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly workingDirectory: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly created: number;
}

/** An image for one architecture. */
export interface Image {
  /** With registry and tag. */
  readonly reference: string;
  readonly arch: Arch;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Layer[];
  /** Manifest and config, by digest. */
  readonly documents: ReadonlyMap<string, string>;
}

const digestOf = (bytes: Buffer | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Packs files as a layer; `epoch` is the time of each. */
export function makeLayer(entries: readonly Entry[], folder: string, epoch: number, what: string): Layer {
  const tar = join(folder, 'layer.tar');
  writeTree(join(folder, 'root'), entries, epoch);
  packTar(join(folder, 'root'), tar, epoch);
  const diffId = digestOf(readFileSync(tar));
  const file = gzip(tar);
  return { file, descriptor: { mediaType: LAYER, digest: digestOf(readFileSync(file)), size: statSync(file).size }, diffId, what };
}

/** Puts layers under a name. */
export function makeImage(reference: string, arch: Arch, layers: readonly Layer[], config: ImageConfig): Image {
  const documents = new Map<string, string>();
  const add = (mediaType: string, content: object): Descriptor => {
    const text = JSON.stringify(content);
    documents.set(digestOf(text), text);
    return { mediaType, digest: digestOf(text), size: Buffer.byteLength(text) };
  };
  const time = new Date(config.created * 1000).toISOString().replace('.000', '');
  const platform = { architecture: arch, os: 'linux', ...(arch === 'arm64' ? { variant: 'v8' } : {}) } as const;
  const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const configuration = add(CONFIG, {
    created: time,
    ...platform,
    config: {
      User: config.user,
      Env: [`PATH=${PATH}`, 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'],
      Entrypoint: config.entrypoint,
      WorkingDir: config.workingDirectory,
      Labels: config.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ what }) => ({ created: time, created_by: what })),
  });
  const manifest = add(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: configuration,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: config.labels,
  });
  return { reference, arch, manifest: { ...manifest, platform }, config: configuration, layers, documents };
}

/** How containerd, podman and others learn an image's name from an archive. */
function named(descriptor: Descriptor, reference: string): Descriptor {
  const tag = reference.slice(reference.lastIndexOf(':') + 1);
  return { ...descriptor, annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': tag } };
}

/**
 * Several images in one archive. Of one architecture: an OCI layout with Docker's `manifest.json` beside it, so `ctr image import`,
 * `docker load`, `podman load` and `skopeo` all take it. Of several: an OCI layout with an index for each name.
 *
 * @param folder an empty one to stage in
 */
export function writeArchive(images: readonly Image[], out: string, folder: string, epoch: number): void {
  const arches = new Set(images.map(({ arch }) => arch));
  const blobs = new Map<string, Entry>();
  const blob = (digest: string): string => `blobs/${digest.replace(':', '/')}`;
  for (const image of images) {
    for (const [digest, text] of image.documents) blobs.set(digest, { path: blob(digest), text });
    for (const { file, descriptor } of image.layers) blobs.set(descriptor.digest, { path: blob(descriptor.digest), from: file });
  }
  const entries: Entry[] = [{ path: 'oci-layout', text: '{"imageLayoutVersion":"1.0.0"}' }];
  let manifests = images.map(({ manifest, reference }) => named(manifest, reference));
  if (arches.size > 1) {
    manifests = [...Map.groupBy(images, ({ reference }) => reference)].map(([reference, variants]) => {
      const text = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: variants.map(({ manifest }) => manifest) });
      blobs.set(digestOf(text), { path: blob(digestOf(text)), text });
      return named({ mediaType: INDEX, digest: digestOf(text), size: Buffer.byteLength(text) }, reference);
    });
  } else {
    const dockers = images.map(({ config, reference, layers }) => ({
      Config: blob(config.digest),
      RepoTags: [reference],
      Layers: layers.map(({ descriptor }) => blob(descriptor.digest)),
    }));
    entries.push({ path: 'manifest.json', text: JSON.stringify(dockers) });
  }
  entries.push({ path: 'index.json', text: JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }) });
  writeTree(folder, [...entries, ...blobs.values()], epoch);
  packTar(folder, out, epoch);
}
