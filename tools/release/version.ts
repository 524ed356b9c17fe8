// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runText } from './run.ts';

/** What git says of the tree that is built. */
export interface TreeState {
  readonly commit: string;
  /** Tags of that commit. */
  readonly tags: readonly string[];
  /** Whether files differ from the commit. */
  readonly dirty: boolean;
}

/** What is built, and of what. */
export interface Release {
  /** SemVer without a `v`. */
  readonly version: string;
  readonly commit: string;
  /** Seconds since 1970 of the commit: the time of every file, so that the same commit gives the same bytes. */
  readonly epoch: number;
  /** Root of the tree. */
  readonly root: string;
}

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

/**
 * The version of a build: package.json's where the commit bears its tag `vVERSION`, else one that sorts before it and names the commit.
 *
 * @throws {Error} where package.json has no SemVer, or the commit bears the tag of another version
 */
export function releaseVersion(declared: string, { commit, tags, dirty }: TreeState): string {
  if (!SEMVER.test(declared)) throw new Error(`release: the version of package.json, ${declared}, is not SemVer`);
  const versions = tags.filter((tag) => tag.startsWith('v') && SEMVER.test(tag.slice(1))).map((tag) => tag.slice(1));
  const other = versions.find((version) => version !== declared);
  if (other !== undefined) throw new Error(`release: the commit is tagged v${other}, package.json says ${declared}: make them the same`);
  if (versions.length > 0 && !dirty) return declared;
  const [core, existing] = declared.split(/-(.*)/s);
  return `${core}-${existing === undefined ? '' : `${existing}.`}dev.g${commit.slice(0, 12)}${dirty ? '.dirty' : ''}`;
}

/** A Debian version that sorts as the SemVer does: what comes before a release has `~`. */
export const debianVersion = (version: string): string => version.replace('-', '~');

/**
 * Asks git and package.json.
 *
 * @param isTrial takes the commit for the one that bears the tag, as Helm and others take no version that comes before a release by themselves
 * @throws {Error} as releaseVersion, or where this is no git tree
 */
export function readRelease(root: string, isTrial = false): Release {
  const git = (...words: readonly string[]): string => runText('git', ['-C', root, ...words]).trim();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const commit = git('rev-parse', 'HEAD');
  const tags = isTrial ? [`v${version}`] : git('tag', '--points-at', 'HEAD').split('\n').filter(Boolean);
  const dirty = !isTrial && git('status', '--porcelain') !== '';
  return { version: releaseVersion(version, { commit, tags, dirty }), commit, epoch: Number(git('log', '-1', '--format=%ct')), root };
}
