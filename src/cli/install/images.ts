// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, VERSION } from '#base';
import { fieldOf, LABELS, listOf, NAMES, textOf } from '#cluster';
import { IMAGE_NAMES, IMAGE_VARIABLES, KINDS } from '#install';
import type { Images } from '#install';
import type { KubeApi } from '#k8s';
import type { Flags } from '../flags.ts';

type Name = keyof Images;
/** Those that are there, of an installation of ours. */
export type PresentImages = Partial<Images>;

const FLAGS: Readonly<Record<Name, { readonly image: string; readonly tag: string }>> = {
  agent: { image: 'image', tag: 'tag' },
  relay: { image: 'relayImage', tag: 'relayTag' },
  controller: { image: 'controllerImage', tag: 'controllerTag' },
  operator: { image: 'operatorImage', tag: 'operatorTag' },
};
const NAMES_OF_IMAGES = Object.keys(FLAGS) as readonly Name[];
const OWN_TAG = `:v${VERSION}`;

/** As an earlier call asked for them: the operator's own, and those that it is told. KubeArmor's operator has other images. */
export async function presentImages(api: KubeApi, namespace: string, signal: AbortSignal): Promise<PresentImages> {
  const operator = await api.get(KINDS.deployments, { name: NAMES.operator, namespace }, signal);
  if (operator?.metadata.labels?.[LABELS.installedBy] !== 'kubearmor-installer') return {};
  const pod = fieldOf(fieldOf(operator['spec'], 'template'), 'spec');
  const container = listOf(pod, 'containers').find((one) => textOf(one, 'name') === NAMES.operator);
  const told = (variable: string): string | undefined =>
    listOf(container, 'env').flatMap((one) => (textOf(one, 'name') === variable ? [textOf(one, 'value')] : []))[0];
  const found = {
    operator: textOf(container, 'image'),
    agent: told(IMAGE_VARIABLES.agent),
    relay: told(IMAGE_VARIABLES.relay),
    controller: told(IMAGE_VARIABLES.controller),
  };
  return Object.fromEntries(Object.entries(found).filter(([, image]) => image !== undefined && image !== ''));
}

/**
 * Images by the flags of KubeArmor's tool: a whole name, or a tag and a registry. What no flag names stays as it is there; an upgrade
 * brings this release's tag.
 *
 * @throws {KubeArmorError} `USAGE` where an upgrade would unpin an image
 */
export function imagesOf(flags: Flags, present: PresentImages = {}, isUpgrade = false): Images {
  const of = (name: Name): string => {
    const there = present[name] === undefined ? undefined : cut(present[name]);
    const version = isUpgrade ? upgraded(name, flags, there) : there?.version;
    return flags.text(FLAGS[name].image) ?? repositoryOf(name, flags, there?.repository) + (askedTag(name, flags) ?? version ?? OWN_TAG);
  };
  return { agent: of('agent'), relay: of('relay'), controller: of('controller'), operator: of('operator') };
}

function askedTag(name: Name, flags: Flags): string | undefined {
  const tag = flags.text(FLAGS[name].tag) ?? flags.text('tag');
  return tag === undefined ? undefined : `:${tag}`;
}

const isAsked = (name: Name, flags: Flags): boolean => flags.isGiven(FLAGS[name].image) || askedTag(name, flags) !== undefined;

function upgraded(name: Name, flags: Flags, there: Cut | undefined): string {
  if (there?.version.includes('@') !== true || isAsked(name, flags)) return OWN_TAG;
  const flag = FLAGS[name].image.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`);
  throw new KubeArmorError('USAGE', `${there.repository} is pinned by its digest: name the new one with --${flag}, or a tag`);
}

/** Of images that stay as they were and are not of this release; undefined: there are none. */
export function staleText(images: Images, present: PresentImages, flags: Flags): string | undefined {
  const stale = NAMES_OF_IMAGES.filter((name) => present[name] === images[name] && !isAsked(name, flags));
  const first = stale.map((name) => images[name]).find((image) => cut(image).version !== OWN_TAG);
  return first === undefined ? undefined : `images stay as they are (${first}): \`karmor upgrade\` brings v${VERSION}`;
}

interface Cut {
  readonly repository: string;
  /** With its colon or at sign; empty: none. */
  readonly version: string;
}

/** A colon after the last slash begins a tag; one before it is that of a port. */
function cut(image: string): Cut {
  const end = image.indexOf('@') < 0 ? image.length : image.indexOf('@');
  const colon = image.lastIndexOf(':', end);
  const at = colon > image.lastIndexOf('/', end) ? colon : end;
  return { repository: image.slice(0, at), version: image.slice(at) };
}

const lastPart = (path: string): string => path.replace(/^.*\//, '');

function repositoryOf(name: Name, flags: Flags, there: string | undefined): string {
  const registry = flags.text('registry');
  const kept = there === undefined ? { registry: 'docker.io', isShort: false } : placeOf(name, there);
  // A name of one's own has neither our registry nor our folder.
  if (there !== undefined && kept === undefined && registry === undefined) return there;
  const isShort = flags.isOff('preserveUpstream') || (kept?.isShort === true && !flags.isSet('preserveUpstream'));
  return `${registry ?? kept?.registry}/${isShort ? lastPart(IMAGE_NAMES[name]) : IMAGE_NAMES[name]}`;
}

/** Where an image of ours comes from, and whether without KubeArmor's folder; undefined: it bears another name. */
function placeOf(name: Name, repository: string): { readonly registry: string; readonly isShort: boolean } | undefined {
  const whole = IMAGE_NAMES[name];
  const known = [whole, lastPart(whole)].find((one) => repository.endsWith(`/${one}`));
  return known === undefined ? undefined : { registry: repository.slice(0, -known.length - 1), isShort: known !== whole };
}
