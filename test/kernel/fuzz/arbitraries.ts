// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { DIRECTORIES, FILES, PROGRAMS } from './universe.ts';

/** What is in force: `spec`s of policies, postures. */
export interface PolicySet {
  readonly specs: readonly object[];
  readonly postures: { readonly file: Posture; readonly network: Posture; readonly capabilities: Posture };
}
type Posture = 'audit' | 'block';

const paths = (entries: readonly { readonly path: string }[]): fc.Arbitrary<string> => fc.constantFrom(...entries.map(({ path }) => path));
const action = fc.constantFrom('Allow', 'Block', 'Block', 'Audit');
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 3 });

/** Ways to write a component that still match it, mostly. */
function blurred(component: string): fc.Arbitrary<string> {
  const at = Math.floor(component.length / 2);
  const first = component.charAt(0);
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(component) },
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 1, arbitrary: fc.constant('**') },
    { weight: 1, arbitrary: fc.constant(`${component.slice(0, at)}*`) },
    { weight: 1, arbitrary: fc.constant(`*${component.slice(at)}`) },
    { weight: 1, arbitrary: fc.constant(`${component.slice(0, at)}?${component.slice(at + 1)}`) },
    { weight: 1, arbitrary: fc.constant(`[a-m]${component.slice(1)}`) },
    { weight: 1, arbitrary: fc.constant(`[^${first}]${component.slice(1)}`) },
    { weight: 1, arbitrary: fc.constant(`{${component},z}`) },
  );
}

const glob = (entries: readonly { readonly path: string }[]): fc.Arbitrary<string> =>
  paths(entries).chain((path) => fc.tuple(...path.slice(1).split('/').map(blurred)).map((components) => `/${components.join('/')}`));

const subject = fc.oneof(
  { weight: 4, arbitrary: paths(PROGRAMS).map((path) => ({ path })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ path: '/opt/bin/*' }, { path: '/opt/bin/' }, { dir: '/opt/', recursive: true }, { path: '/none' }),
  },
);
const sources = maybe(fc.array(subject, { minLength: 1, maxLength: 2 }));
const flag = maybe(fc.constant(true));

/** Leaves out what is undefined, as a document has it. */
const compact = <T extends object>(value: T): object => Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));

const pathRules = (entries: readonly { readonly path: string }[], conditions: Record<string, fc.Arbitrary<unknown>>) => ({
  matchPaths: maybe(
    fc.array(fc.record({ path: paths(entries), action, fromSource: sources, ...conditions }).map(compact), { maxLength: 4 }),
  ),
  matchDirectories: maybe(
    fc.array(
      fc
        .record({ dir: paths(DIRECTORIES).map((dir) => `${dir}/`), recursive: flag, action, fromSource: sources, ...conditions })
        .map(compact),
      {
        maxLength: 3,
      },
    ),
  ),
  matchPatterns: maybe(fc.array(fc.record({ pattern: glob(entries), action, ...conditions }).map(compact), { maxLength: 4 })),
});

const file = fc.record(pathRules(FILES, { readOnly: flag, ownerOnly: flag })).map(compact);
const process = fc
  .record({
    ...pathRules(PROGRAMS, { ownerOnly: flag }),
    matchPaths: maybe(
      fc.array(
        fc.oneof(
          fc.record({ path: paths(PROGRAMS), action, fromSource: sources, ownerOnly: flag }).map(compact),
          fc.record({ execname: fc.constantFrom('run', 'tool', 'stim'), action, fromSource: sources }).map(compact),
        ),
        { maxLength: 4 },
      ),
    ),
  })
  .map(compact);

const network = fc
  .record({
    matchProtocols: fc.array(
      fc
        .record({
          protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'raw', 'stream', 'dgram', 'all'),
          action,
          fromSource: sources,
        })
        .map(compact),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(compact);

const capabilities = fc
  .record({
    matchCapabilities: fc.array(
      fc.record({ capability: fc.constantFrom('sys_admin', 'sys_chroot', 'setuid'), action, fromSource: sources }).map(compact),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(compact);

const spec = fc
  .record({ file: maybe(file), process: maybe(process), network: maybe(network), capabilities: maybe(capabilities) })
  .map(compact);
const posture = fc.constantFrom<Posture>('audit', 'block');

/** One to three policies of one workload. */
export const policySet: fc.Arbitrary<PolicySet> = fc.record({
  specs: fc.array(spec, { minLength: 1, maxLength: 3 }),
  postures: fc.record({ file: posture, network: posture, capabilities: posture }),
});

/** What a process is asked to do: an operation of stim, and what of the universe it is about. */
export type Step =
  | { readonly kind: 'read' | 'write' | 'read-write' | 'exec'; readonly text: string; readonly path: string }
  | { readonly kind: 'socket'; readonly text: string; readonly socket: readonly [domain: number, type: number, protocol: number] }
  | { readonly kind: 'capability'; readonly text: string; readonly capability: number; readonly refusal: string };

export interface Program {
  readonly path: string;
  readonly uid: 0 | 1000;
  readonly steps: readonly Step[];
}

const onFile = (kind: 'read' | 'write' | 'read-write', verb: string): fc.Arbitrary<Step> =>
  paths(FILES).map((path) => ({ kind, path, text: `${verb} ${path}` }));

const SOCKETS: readonly (readonly [text: string, domain: number, type: number, protocol: number])[] = [
  ['inet stream', 2, 1, 6],
  ['inet dgram', 2, 2, 17],
  ['inet6 stream', 10, 1, 6],
  ['inet6 dgram', 10, 2, 17],
  ['unix stream', 1, 1, 0],
  ['unix dgram', 1, 2, 0],
  ['netlink raw 0', 16, 3, 0],
];

/** Each asks for one capability of a task that has it. */
const CAPABLE: readonly (readonly [text: string, capability: number, refusal: string])[] = [
  ['sethostname guest', 21, 'EPERM'],
  ['chroot /', 18, 'EPERM'],
];

const anybody = fc.oneof(
  { weight: 4, arbitrary: onFile('read', 'open r') },
  { weight: 3, arbitrary: onFile('write', 'open w') },
  { weight: 2, arbitrary: onFile('read-write', 'open rw') },
  { weight: 1, arbitrary: paths(FILES).map((path): Step => ({ kind: 'write', path, text: `truncate ${path} 3` })) },
  { weight: 2, arbitrary: paths(DIRECTORIES).map((path): Step => ({ kind: 'read', path, text: `list ${path}` })) },
  { weight: 4, arbitrary: paths(PROGRAMS).map((path): Step => ({ kind: 'exec', path, text: `run ${path}` })) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...SOCKETS).map(([text, ...socket]): Step => ({ kind: 'socket', text: `socket ${text}`, socket })),
  },
);
const root = fc.oneof(
  { weight: 10, arbitrary: anybody },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...CAPABLE).map(([text, capability, refusal]): Step => ({ kind: 'capability', text, capability, refusal })),
  },
);

/** Processes of the container, one after the other. */
export const programs: fc.Arbitrary<readonly Program[]> = fc.array(
  fc.constantFrom<0 | 1000>(0, 1000).chain((uid) =>
    fc.record({
      path: paths(PROGRAMS),
      uid: fc.constant(uid),
      steps: fc.array(uid === 0 ? root : anybody, { minLength: 5, maxLength: 25, size: 'max' }),
    }),
  ),
  { minLength: 1, maxLength: 3 },
);
