// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { KubeArmorError } from '#base';
import { BpfLink, BpfMap, PinnedProgram } from '#libbpf';
import { openGateBelow, releaseHeldBelow } from './gate.ts';
import { enrolment, THIS_PROCESS } from './enrolment.ts';
import { nameAgent } from './host-scope.ts';

/** Names the agent and its places: ka_enroll. */
export const ENROLL = 'prog_enroll';
/** Gives running tasks their scope: ka_adopt. Pinned last: where it is, everything is. */
export const ADOPT = 'prog_adopt';
/** Older versions have it as a link instead: whoever reads that runs it. */
const ADOPT_LINK = 'iter_adopt';
const WHOLE = [ADOPT, ADOPT_LINK];

/** Whether our programs were pinned there to the last. */
export const isWhole = (directory: string): boolean => existsSync(join(directory, ADOPT));

/** Where one version of the programs is pinned, and below what all are. */
export interface PinPlace {
  readonly root: string;
  readonly directory: string;
}

/** A pin that was taken away: put back, or why not. */
export interface LostPin {
  readonly name: string;
  readonly problem: string | undefined;
}

interface Pinnable {
  pin(path: string): void;
}

/** Pins of one directory, with what they pin: what is held here lives on where its pin is taken away. */
export class HeldPins {
  readonly #directory: string;
  readonly #held = new Map<string, Pinnable>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(name: string): string {
    return join(this.#directory, name);
  }

  /** Holds what is pinned under this name already. */
  hold(name: string, what: Pinnable): void {
    this.#held.set(name, what);
  }

  /** Pins it, and holds it. */
  keep(name: string, what: Pinnable): void {
    what.pin(this.pathOf(name));
    this.hold(name, what);
  }

  /** Pins again what is not pinned any more. */
  check(): readonly LostPin[] {
    const there = new Set(existsSync(this.#directory) ? readdirSync(this.#directory) : []);
    const lost = [...this.#held].filter(([name]) => !there.has(name));
    return lost.map(([name, what]) => ({ name, problem: this.#pinAgain(name, what) }));
  }

  #pinAgain(name: string, what: Pinnable): string | undefined {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      what.pin(this.pathOf(name));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/** Removes a directory of pins: what only they held is detached when this returns. */
export function removePins(directory: string): void {
  for (const _ of removingPins(directory));
}

/**
 * The same in steps, one program each: detaching waits for the kernel (a grace period, some 20 ms). Links first: a program without its maps'
 * pins still runs, a pin without its link does nothing.
 */
function* removingPins(directory: string): Generator<void> {
  if (!existsSync(directory)) return;
  openGateBelow(directory);
  for (const name of WHOLE) rmSync(join(directory, name), { force: true }); // nobody takes the rest for the whole, should we not come to the end
  const names = readdirSync(directory);
  const links = names.filter((name) => name.startsWith('link_'));
  for (const name of links) {
    detach(join(directory, name));
    yield;
  }
  releaseHeldBelow(directory);
  for (const name of names) if (!links.includes(name)) unlinkSync(join(directory, name));
  rmdirSync(directory);
}

/**
 * The link is held while its pin goes, so that closing it detaches here and now. Left to the pins, the kernel detaches in work queues, all of
 * them at once.
 */
function detach(path: string): void {
  using _link = openLink(path);
  unlinkSync(path);
}

/** Undefined where the pin is no link, or cannot be opened: it goes all the same. */
function openLink(path: string): BpfLink | undefined {
  try {
    return BpfLink.openPinned(path);
  } catch (error) {
    if (error instanceof KubeArmorError) return undefined;
    throw error;
  }
}

/** Ids of the links that are pinned there; what is no link under the name of one is left out. */
export function pinnedLinkIds(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    if (!name.startsWith('link_')) return [];
    using link = openLink(join(directory, name));
    return link === undefined ? [] : [link.id];
  });
}

const otherVersions = ({ root, directory }: PinPlace): string[] =>
  readdirSync(root)
    .map((name) => join(root, name))
    .filter((other) => other !== directory);

/** Other versions of the programs, which are pinned beside ours. */
export class OtherVersions {
  readonly #place: PinPlace | undefined;

  /** @param place absent: nothing is pinned, and there are none */
  constructor(place: PinPlace | undefined) {
    this.#place = place;
  }

  get exist(): boolean {
    return this.#directories().length > 0;
  }

  /** Nobody waits at their gates any more. */
  openGates(): void {
    for (const other of this.#directories()) {
      openGateBelow(other);
      releaseHeldBelow(other);
    }
  }

  /** Detaches them. Until then theirs and ours both refuse. In steps that each wait for the kernel. */
  *drop(): Generator<void> {
    for (const other of this.#directories()) yield* removingPins(other);
  }

  #directories(): readonly string[] {
    return this.#place === undefined ? [] : otherVersions(this.#place);
  }
}

/** What other versions enforce on the host until they are dropped is not for us. */
export function leaveHosts(root: string): void {
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    const directory = join(root, name);
    const whole = WHOLE.some((pin) => existsSync(join(directory, pin)));
    using host = whole ? BpfMap.openPinned(join(directory, 'map_host')) : undefined;
    if (host === undefined) continue;
    nameAgent(host, process.pid);
    adoptBy(directory);
  }
}

/** As their agent, which we are now. */
function adoptBy(directory: string): void {
  using enroll = PinnedProgram.open(join(directory, ENROLL));
  enroll?.testRun({ context: enrolment(THIS_PROCESS) });
  using adopt = PinnedProgram.open(join(directory, ADOPT));
  if (adopt === undefined) readFileSync(join(directory, ADOPT_LINK));
  else adopt.runIterator();
}
