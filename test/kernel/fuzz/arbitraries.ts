// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import type { Scenario } from './scenario.ts';
import { program } from './steps.ts';
import { DIRECTORIES, FILES, PROGRAMS, ROOT_KINDS, scratchOf } from './universe.ts';
import type { Focus } from './universe.ts';

const action = fc.constantFrom('Allow', 'Block', 'Block', 'Audit');
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 3 });
/** Mostly absent. */
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

/** Leaves out what is undefined, as a document has it. */
const compact = <T extends object>(value: T): object => Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));

const names = (entries: readonly { readonly path: string }[]): string[] => entries.map(({ path }) => path);
const MADE = [0, 1000].flatMap((uid) => [...scratchOf(uid).files, ...scratchOf(uid).directories]);
const OBJECTS = [...names(FILES), ...MADE, '/lnk/a', '/lnk/deep/a'];
const EXECUTABLES = [...names(PROGRAMS), '/usr/bin/stim'];
const HOLDERS = [...names(DIRECTORIES), '/lnk', '/opt/bin', '/opt/bin/sub', '/bin', '/usr'];

const above = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));

/** Some files with the directories above them, and some programs. */
const focus: fc.Arbitrary<Focus> = fc
  .record({
    files: fc.subarray(names(FILES), { minLength: 2, maxLength: 4 }),
    directories: fc.subarray(HOLDERS, { minLength: 1, maxLength: 2 }),
    programs: fc.subarray(names(PROGRAMS), { minLength: 2, maxLength: 3 }),
  })
  .map(({ files, directories, programs }) => ({
    files,
    directories: [...new Set([...directories, ...files.map(above), above(above(files[0]!))])].filter((path) => path !== '/'),
    programs,
  }));

/** Paths that are just not what is asked for: a byte less, more or other, the parent, something below. */
function near(path: string): fc.Arbitrary<string> {
  const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')));
  const shorter = path.length > 2 && !path.slice(0, -1).endsWith('/') ? path.slice(0, -1) : path;
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(path) },
    { weight: 1, arbitrary: fc.constantFrom(shorter, `${path}x`, `${shorter}z`, parent === '/' ? path : parent, `${path}/a`) },
  );
}
/** Mostly of the few, else of all. */
const oftenOf = (few: readonly string[], all: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...few) }, { weight: 1, arbitrary: fc.constantFrom(...all) });

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

const glob = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  of
    .chain(near)
    .chain((path) =>
      fc
        .tuple(fc.boolean(), ...path.slice(1).split('/').map(blurred))
        .map(([anywhere, ...components]) =>
          anywhere && components.length > 1 ? `/**/${components.slice(1).join('/')}` : `/${components.join('/')}`,
        ),
    );

const flag = rarely(fc.constant(true));
const ON_FILES = { readOnly: flag, ownerOnly: flag };
const ON_PROGRAMS = { ownerOnly: flag };
type Conditions = Record<string, fc.Arbitrary<unknown>>;
type Sources = fc.Arbitrary<object[] | undefined>;

const SUBJECTS: readonly object[] = [
  { path: '/opt/bin/*' },
  { path: '/opt/bin/' },
  { dir: '/opt/', recursive: true },
  { dir: '/opt/' },
  { path: '/runc' },
  { path: '/none' },
];

/** Rules on paths of one scenario. */
function pathRules({ files, directories: holders, programs }: Focus): {
  file: fc.Arbitrary<object>;
  process: fc.Arbitrary<object>;
  sources: Sources;
} {
  const executable = oftenOf(programs, EXECUTABLES);
  const object = oftenOf(files, OBJECTS);
  const subject = fc.oneof(
    { weight: 5, arbitrary: executable.map((path) => ({ path })) },
    { weight: 1, arbitrary: glob(executable).map((path) => ({ path })) },
    { weight: 2, arbitrary: fc.constantFrom<object>(...SUBJECTS) },
  );
  const sources = maybe(fc.array(subject, { minLength: 1, maxLength: 2 }));
  const near1 = (of: fc.Arbitrary<string>): fc.Arbitrary<string> => of.chain(near);
  const directory = fc.oneof(
    { weight: 9, arbitrary: near1(oftenOf(holders, HOLDERS)).map((dir) => `${dir}/`) },
    { weight: 1, arbitrary: fc.constant('/') },
  );
  const list = (rule: fc.Arbitrary<object>, maxLength: number): fc.Arbitrary<object[] | undefined> => maybe(fc.array(rule, { maxLength }));
  const directories = (conditions: Conditions): fc.Arbitrary<object[] | undefined> =>
    list(fc.record({ dir: directory, recursive: maybe(fc.constant(true)), action, fromSource: sources, ...conditions }).map(compact), 3);
  const patterns = (of: fc.Arbitrary<string>, conditions: Conditions): fc.Arbitrary<object[] | undefined> =>
    list(fc.record({ pattern: glob(of), action, ...conditions }).map(compact), 4);
  const paths = (of: fc.Arbitrary<string>, conditions: Conditions): fc.Arbitrary<object> =>
    fc.record({ path: near1(of), action, fromSource: sources, ...conditions }).map(compact);
  const named = fc.record({ execname: fc.constantFrom('run', 'tool', 'stim', 'runne'), action, fromSource: sources }).map(compact);
  const file = {
    matchPaths: list(paths(object, ON_FILES), 4),
    matchDirectories: directories(ON_FILES),
    matchPatterns: patterns(object, ON_FILES),
  };
  const process = {
    matchPaths: list(fc.oneof({ weight: 2, arbitrary: paths(executable, ON_PROGRAMS) }, { weight: 1, arbitrary: named }), 4),
    matchDirectories: directories(ON_PROGRAMS),
    matchPatterns: patterns(executable, ON_PROGRAMS),
  };
  return { file: fc.record(file).map(compact), process: fc.record(process).map(compact), sources };
}

const PORTS = [53, 1053, 1054, 8080, 8081, 8443];
/** Of the addresses that are asked for some lie on each side of the last bit of a network, and of the bit behind it. */
const CIDRS = [
  '127.0.0.0/8',
  '127.0.0.0/9',
  '127.0.0.1/32',
  '127.0.0.2/31',
  '127.0.0.0/30',
  '127.1.0.0/16',
  '10.0.0.0/8',
  '10.9.8.7',
  '0.0.0.0/0',
  '::1/128',
  '::/0',
  '::/127',
];
const common = { protocol: fc.constantFrom('tcp', 'tcp', 'udp', 'stream', 'dgram', 'all'), more: rarely(fc.constantFrom(0, 1, 400)) };
const direction = fc.constantFrom(undefined, undefined, 'ingress', 'egress');
const port = fc.constantFrom(...PORTS);
/** By protocol; a range of two ports, one port, or none; mostly ports or an address. Peers of a listening socket are known of TCP only. */
const detail = fc.oneof(
  fc.record({ ...common, port: maybe(port), cidr: rarely(fc.constantFrom(...CIDRS)), direction }),
  fc.record({ ...common, port: rarely(port), cidr: fc.constantFrom(...CIDRS), direction }),
);
const target = detail.map(({ more, ...item }) => ({
  ...item,
  endPort: item.port === undefined || more === undefined ? undefined : item.port + more,
  direction: item.cidr !== undefined && item.protocol !== 'tcp' && item.direction === 'ingress' ? 'egress' : item.direction,
}));
const plainProtocol = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'raw', 'stream', 'dgram', 'all', 'tcp,udp'),
  direction: rarely(fc.constantFrom('ingress', 'egress')),
});
const network = (sources: Sources): fc.Arbitrary<object> => {
  const rule = fc
    .tuple(fc.oneof(target, plainProtocol), action, sources)
    .map(([what, act, fromSource]) => compact({ ...what, action: act, fromSource }));
  return fc.record({ matchProtocols: fc.array(rule, { minLength: 1, maxLength: 4 }) });
};

const CAPABILITIES = ['sys_admin', 'sys_chroot', 'net_raw', 'net_admin', 'setuid'];
const capabilities = (sources: Sources): fc.Arbitrary<object> => {
  const rule = fc.record({ capability: fc.constantFrom(...CAPABILITIES), action, fromSource: sources }).map(compact);
  return fc.record({ matchCapabilities: fc.array(rule, { minLength: 1, maxLength: 3 }) });
};

const posture = fc.constantFrom<'audit' | 'block'>('audit', 'block');
function set(about: Focus): fc.Arbitrary<object[]> {
  const { file, process, sources } = pathRules(about);
  const spec = fc
    .record({
      file: maybe(file),
      process: rarely(process),
      network: rarely(network(sources)),
      capabilities: rarely(capabilities(sources)),
      action: rarely(action),
      defaultPosture: rarely(posture),
    })
    .map(compact);
  return fc.array(spec, { minLength: 1, maxLength: 3 });
}
const postures = fc.record({ file: posture, network: posture, capabilities: posture });

const scenarioAbout = (about: Focus): fc.Arbitrary<Scenario> =>
  fc
    .record({
      root: fc.constantFrom(...ROOT_KINDS),
      audited: fc.constantFrom(false, false, false, false, true),
      postures,
      sets: fc.oneof(
        { weight: 3, arbitrary: fc.tuple(set(about)) },
        { weight: 1, arbitrary: fc.tuple(set(about), set(about)) },
        { weight: 1, arbitrary: fc.tuple(set(about), set(about), set(about)) },
      ),
    })
    .chain((head) => fc.array(program(about, head.sets.length), { minLength: 2, maxLength: 2 }).map((programs) => ({ ...head, programs })));

/** One policy set, up to two that take its place, and two processes of about 20 steps each. */
export const scenario: fc.Arbitrary<Scenario> = focus.chain(scenarioAbout);
