// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Operation } from '#policy';
import type { Command, OptionSpec } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { current, loadPolicySet, reportErrors } from '../policy-set.ts';
import { MODE_OPTION, ROOT_OPTIONS, WORKLOAD_OPTIONS } from '../workload-flags.ts';

/** Written out, not imported: help and completion load no policy code. A test holds it and `OPERATIONS` together. */
const QUESTIONS: readonly OptionSpec[] = [
  { flags: '--exec <path>', summary: 'run this program', completes: 'file' },
  { flags: '--read <path>', summary: 'open this file for reading, or list this directory', completes: 'file' },
  { flags: '--write <path>', summary: 'write, create, remove, link or change this file', completes: 'file' },
  { flags: '--rename <path>', summary: 'rename this file or directory', completes: 'file' },
  { flags: '--map <path>', summary: 'map this file executable, as a loader does', completes: 'file' },
  { flags: '--connect <peer>', summary: 'connect or send to tcp:10.0.0.1:443, udp:[2001:db8::1]:53, icmp:10.0.0.1' },
  { flags: '--listen <port>', summary: 'bind to and listen on tcp:8080' },
  { flags: '--accept <peer>', summary: 'take a connection of this peer to this own port: tcp:10.0.0.9:8080' },
  {
    flags: '--socket <kind>',
    summary: 'create a socket',
    suggests: ['tcp', 'udp', 'icmp', 'raw', 'packet', 'unix', 'netlink', 'stream', 'dgram'],
  },
  { flags: '--capability <name>', summary: 'use a capability: NET_RAW' },
];
/** The words of the questions, as `OPERATIONS` of the policy room. */
export const QUESTION_WORDS: readonly string[] = QUESTIONS.map(({ flags }) => /--(\w+)/.exec(flags)?.[1] ?? '');

/** `karmor explain FILE… --exec /bin/sh`: what the kernel would do, and why; exit 1 if it is denied. */
export const explain: Command = {
  arguments: [{ name: '[file...]', summary: 'policies: files, folders, - for stdin', completes: 'file' }],
  options: [
    {
      flags: '-p, --policy <file>',
      summary: 'policies, as the arguments; with several: commas, or again',
      value: 'list',
      completes: 'file',
    },
    ...QUESTIONS,
    {
      flags: '--from <program>',
      summary: 'the program that acts, by its whole path; `runtime`: before a container’s first exec',
      completes: 'file',
    },
    { flags: '--uid <id>', summary: 'who acts', value: 'count', default: '0' },
    { flags: '--owner <id>', summary: 'who owns the file', value: 'count', default: '0' },
    ...WORKLOAD_OPTIONS,
    MODE_OPTION,
    ...ROOT_OPTIONS,
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
  ],
  details: `Asks the evaluator, which reads the same tables as the kernel: needs no agent, no root and no cluster. Without labels, namespace,
container or host every policy that is given counts. It exits with 0 if the access passes, 1 if it is denied, 65 if a policy is refused.

Examples:
  karmor explain policies/ --exec /bin/sh --merged-usr
  karmor explain web.yaml -l app=web --posture block --read /etc/passwd
  karmor explain web.yaml --connect tcp:10.0.0.1:443 -o json`,
  async run(names, flags, io) {
    const files = [...names, ...flags.list('policy')];
    if (files.length === 0) throw new KubeArmorError('USAGE', 'no policies: name a file or folder');
    const asked = askedOperation(flags);
    const [{ explainQuestion, explanationJson }, { explanationLines }] = await Promise.all([
      import('../explain-question.ts'),
      import('../explain-text.ts'),
    ]);
    const set = await loadPolicySet(files, io);
    if (reportErrors(set.issues, io)) return EXIT_CODES.badData.code;
    const found = explainQuestion(asked, current(set.all), flags);
    if (flags.text('output') === 'json') await io.outJson(JSON.stringify(explanationJson(found), undefined, 2));
    else for (const line of explanationLines(found, io.width)) await io.out(line);
    return found.answer.outcome === 'denied' ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
  },
};

export interface AskedOperation {
  readonly operation: Operation;
  readonly text: string;
}

function askedOperation(flags: Flags): AskedOperation {
  const given = QUESTION_WORDS.flatMap((word) => {
    const text = flags.text(word);
    return text === undefined ? [] : [{ operation: word as Operation, text }];
  });
  const [first, second] = given;
  if (first === undefined)
    throw new KubeArmorError('USAGE', `nothing is asked: add one of ${QUESTION_WORDS.map((word) => `--${word}`).join(', ')}`);
  if (second !== undefined) throw new KubeArmorError('USAGE', `--${first.operation} and --${second.operation}: ask one thing at a time`);
  return first;
}
