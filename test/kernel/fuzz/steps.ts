// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import fc from 'fast-check';
import type { Program } from './scenario.ts';
import { DIRECTORIES, FILES, ownerOf, PROGRAMS, scratchOf } from './universe.ts';
import type { Focus } from './universe.ts';

/**
 * A few lines that belong together; `$`, `$0` and `$1` stand for slots of their own, `PORT` for a port that nobody else of the process has. Their words
 * are those of native/stim*.c, what they ask for is told by asks.ts.
 */
type Story = readonly string[];

const paths = (entries: readonly { readonly path: string }[]): fc.Arbitrary<string> => fc.constantFrom(...entries.map(({ path }) => path));
const anyFile = fc.oneof({ weight: 8, arbitrary: paths(FILES) }, { weight: 1, arbitrary: fc.constantFrom('/lnk/a', '/lnk/deep/a') });
const mostly = (few: readonly string[], all: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...few) }, { weight: 1, arbitrary: all });
const isDirectory = (path: string): boolean => DIRECTORIES.some((entry) => entry.path === path);

/** What the steps of a scenario are about. */
interface Objects {
  readonly file: fc.Arbitrary<string>;
  readonly directory: fc.Arbitrary<string>;
  readonly program: fc.Arbitrary<string>;
}

const objectsOf = ({ files, directories, programs }: Focus): Objects => ({
  file: mostly(files, anyFile),
  directory: mostly([...directories.filter(isDirectory), '/srv'], paths(DIRECTORIES)),
  program: mostly(programs, paths(PROGRAMS)),
});

const one = (text: fc.Arbitrary<string>): fc.Arbitrary<Story> => text.map((line) => [line]);

const LOCAL = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.1.0.1', '127.200.0.1'];
const address = (family: string): fc.Arbitrary<string> => (family === 'inet' ? fc.constantFrom(...LOCAL, '10.9.8.7') : fc.constant('::1'));
const local = (family: string): fc.Arbitrary<string> => (family === 'inet' ? fc.constantFrom(...LOCAL) : fc.constant('::1'));
const FAR_PORTS = ['53', '1053', '8080', '8081', '8443', '9999'];
/** Nobody listens there (PORTS below): a listener would be asked too, about an address that the kernel chooses. */
const SILENT_PORTS = ['53', '1054', '8081', '9999'];
const ip = fc.constantFrom('inet', 'inet', 'inet6');

const client = ip.chain((family) =>
  fc.tuple(local(family), fc.constantFrom(...SILENT_PORTS)).map(([to, port]) => [`sock $ ${family} stream`, `connect $ ${to} ${port}`]),
);
const sender = ip.chain((family) =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.constantFrom('sendto', 'connect', 'sendmsg'), address(family), fc.constantFrom(...FAR_PORTS)), {
        minLength: 1,
        maxLength: 3,
      }),
    )
    .map(([calls]) => [`sock $ ${family} dgram`, ...calls.map(([verb, to, port]) => `${verb} $ ${to} ${port}`)]),
);
/** Listens, and connects to itself from somewhere. */
const server = ip.chain((family) =>
  fc
    .tuple(local(family), fc.array(local(family), { maxLength: 2 }))
    .map(([at, froms]) => [
      `sock $ ${family} stream`,
      `bind $ ${at} PORT`,
      'listen $',
      ...froms.flatMap((from, index) => [`sock $${index} ${family} stream`, `dial $${index} ${from} ${at} PORT`]),
    ]),
);
const receiver = ip.chain((family) => local(family).map((at) => [`sock $ ${family} dgram`, `bind $ ${at} PORT`]));
const made = one(
  fc
    .constantFrom(
      'inet stream',
      'inet stream 262',
      'inet dgram',
      'inet6 stream',
      'inet6 dgram',
      'unix stream',
      'unix dgram',
      'netlink raw 0',
      'inet dgram 1',
    )
    .map((words) => `socket ${words}`),
);
const opened = ({ file, program: executable }: Objects): fc.Arbitrary<Story> =>
  fc.tuple(fc.oneof(file, executable), fc.constantFrom('r+x', 'r')).map(([path, how]) => [`hold $ r ${path}`, `mmap $ ${how}`]);

const fileWork = ({ file, directory }: Objects): fc.Arbitrary<Story> =>
  one(
    fc.oneof(
      { weight: 4, arbitrary: file.map((path) => `open r ${path}`) },
      { weight: 3, arbitrary: file.map((path) => `open w ${path}`) },
      { weight: 4, arbitrary: file.map((path) => `open rw ${path}`) },
      { weight: 1, arbitrary: file.map((path) => `open w+append ${path}`) },
      { weight: 1, arbitrary: file.map((path) => `open w+trunc ${path}`) },
      { weight: 1, arbitrary: file.map((path) => `truncate ${path} 3`) },
      { weight: 3, arbitrary: directory.map((path) => `list ${path}`) },
      { weight: 2, arbitrary: fc.oneof(file, directory).map((path) => `rename ${path} ${path}`) },
    ),
  );

/** A file that this user made, and what becomes of it; a directory likewise. */
function scratch(uid: number): fc.Arbitrary<Story> {
  const { files, directories } = scratchOf(uid);
  return one(
    fc.oneof(
      fc
        .constantFrom(...files)
        .chain((path) => fc.constantFrom(`open w+creat ${path}`, `mknod ${path} file`, `unlink ${path}`, `open r ${path}`)),
      fc.constantFrom(...directories).chain((path) => fc.constantFrom(`mkdir ${path}`, `rmdir ${path}`, `list ${path}`)),
    ),
  );
}

/** What only the owner may do without a capability. */
function owned(uid: number): fc.Arbitrary<Story> {
  const mine = FILES.filter(({ path }) => ownerOf(path) === uid);
  return one(paths(mine).chain((path) => fc.constantFrom(`chmod 0666 ${path}`, `chown ${uid} ${path}`)));
}

/** Each asks for a capability of a task that has it. */
const privileged = (file: fc.Arbitrary<string>): fc.Arbitrary<Story> =>
  fc.oneof(
    one(fc.constantFrom(`sethostname ${hostname()}`, 'chroot /', 'socket inet raw 1', 'socket inet6 raw 58', 'socket packet raw 0')),
    one(file.map((path) => `setxattr ${path}`)),
    fc.constant(['sock $ unix dgram', 'big-buffer $']),
    fc.constantFrom(...LOCAL).map((at) => ['sock $ inet raw 6', `bind $ ${at} PORT`]),
  );

function story(uid: number, objects: Objects): fc.Arbitrary<Story> {
  const anybody = [
    { weight: 16, arbitrary: fileWork(objects) },
    { weight: 3, arbitrary: scratch(uid) },
    { weight: 2, arbitrary: owned(uid) },
    { weight: 5, arbitrary: one(objects.program.map((path) => `run ${path}`)) },
    { weight: 1, arbitrary: one(objects.program.map((path) => `exec ${path}`)) },
    { weight: 2, arbitrary: opened(objects) },
    { weight: 2, arbitrary: made },
    { weight: 3, arbitrary: client },
    { weight: 3, arbitrary: sender },
    { weight: 2, arbitrary: server },
    { weight: 1, arbitrary: receiver },
  ];
  return uid === 0 ? fc.oneof(...anybody, { weight: 3, arbitrary: privileged(objects.file) }) : fc.oneof(...anybody);
}

/** Ports that a process listens on. */
const PORTS = [1053, 8080, 8443];
const SLOTS = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ');

/** Fills in slots and ports, each given once; a story that finds none is left out. */
class Teller {
  readonly #slots = [...SLOTS];
  readonly #ports = [...PORTS];

  tell(stories: readonly Story[]): string[] {
    return stories.flatMap((lines) => {
      const port = lines.some((line) => line.endsWith('PORT')) ? this.#ports.shift() : 0;
      const marks = new Set(lines.join(' ').match(/\$\d?/g));
      if (port === undefined || this.#slots.length < marks.size) return [];
      const slots = new Map([...marks].map((mark) => [mark, this.#slots.shift()!]));
      return lines.map((line) => line.replace(/\$\d?/g, (mark) => slots.get(mark)!).replace('PORT', String(port)));
    });
  }
}

/** A descriptor from before a swap, and what is written through it after. */
const across = (file: fc.Arbitrary<string>): fc.Arbitrary<{ before: string[]; after: string }> =>
  file.map((path) => ({ before: [`hold $ w ${path}`, 'write $'], after: 'write $' }));

/** @param sets how many rule sets there are: each after the first takes over somewhere */
export function program(about: Focus, sets: number): fc.Arbitrary<Program> {
  const objects = objectsOf(about);
  const swaps = Array.from({ length: sets - 1 }, (_, index) => index + 1);
  return fc.constantFrom(0, 0, 1000).chain((uid) =>
    fc
      .tuple(
        objects.program,
        fc.array(fc.array(story(uid, objects), { minLength: sets > 1 ? 5 : 12, maxLength: sets > 1 ? 12 : 22, size: 'max' }), {
          minLength: sets,
          maxLength: sets,
        }),
        fc.tuple(...swaps.map(() => fc.option(across(objects.file), { nil: undefined }))),
      )
      .map(([path, parts, held]) => {
        const teller = new Teller();
        const steps = teller.tell(parts[0]!);
        for (const [index, swap] of swaps.entries()) {
          const inSlot = (line: string): string => line.replace('$', String(swap));
          const writing = held[index];
          steps.push(...(writing?.before ?? []).map(inSlot), `! swap ${swap}`);
          if (writing !== undefined) steps.push(inSlot(writing.after));
          steps.push(...teller.tell(parts[swap]!));
        }
        return { path, uid, steps };
      }),
  );
}
