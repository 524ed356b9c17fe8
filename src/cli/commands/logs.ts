// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS } from '../agent-address.ts';
import { CLUSTER_OPTIONS, INSTALLATION_OPTION } from '../cluster/cluster-flags.ts';
import { chooseTarget, TARGET_DETAILS } from '../cluster/target.ts';
import type { Command, OptionSpec } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { followFeed } from '../follow-feed.ts';
import type { Io } from '../io.ts';
import { checkLogFilters, OPERATIONS, regexWarning, TYPES } from '../log-choices.ts';
import { compileLogFilter } from '../log-filter.ts';
import type { FilteredRecord } from '../log-filter.ts';
import { openLogSink } from '../log-sink.ts';
import type { LogSink } from '../log-sink.ts';
import { LossMeter } from '../loss-meter.ts';
import type { FeedItem, StreamName } from '../ports.ts';
import { loadRenderer, LOG_FORMATS } from '../render-record.ts';
import type { LogFormat, RecordRenderer } from '../render-record.ts';

const STREAMS = { policy: ['alert'], system: ['log'], all: ['alert', 'log'] } as const satisfies Record<string, readonly StreamName[]>;
type LogFilterName = keyof typeof STREAMS;

const FILTERS: readonly OptionSpec[] = [
  { flags: '-n, --namespace <name>', summary: 'records of this namespace', completes: 'namespace' },
  { flags: '--pod <name>', summary: 'records of this pod', completes: 'pod' },
  { flags: '--container <name>', summary: 'records of this container' },
  { flags: '--logType <type>', summary: `${TYPES.join(', ')}, in any case`, suggests: TYPES },
  { flags: '--operation <name>', summary: `${OPERATIONS.join(', ')}, in any case`, suggests: OPERATIONS },
  { flags: '--source <text>', summary: 'what acted: the path of a program' },
  { flags: '--resource <text>', summary: 'what it acted on; for Process the program alone matches too' },
  { flags: '-l, --labels <k=v,…>', summary: 'records with all of these labels', value: 'list' },
];

const DETAILS = `Filters: the whole value must be equal; * stands for any characters, ? for one (--pod 'web-*'). All filters must hold.
KubeArmor takes them as unanchored regular expressions, and any one of the labels is enough there; here \`-n prod\` does not
show \`preprod\`.

Only what happens from now on is shown, and what happened while the agent itself was away. A lost connection is made again; how long
the gap was, and how many records are known to be lost, is said on stderr.

${TARGET_DETAILS}
In a cluster the relay is reached through the API server (pods/portforward), in a pod at its service. Certificates come from the Secret
kubearmor-client-certs, or from --tlsCertPath; where the Secret is not there it is asked without TLS, unless --secure is given.

Examples:
  karmor logs -n shop --operation File
  karmor logs --logFilter all --json --limit 100 | jq .Result
  karmor logs --context prod --logFilter all -l app=web`;

/** `karmor logs`: alerts and logs as they come, with KubeArmor's flags. */
export const logs: Command = {
  options: [
    {
      flags: '--logFilter <which>',
      summary: 'policy: alerts; system: telemetry; all: both',
      default: 'policy',
      choices: Object.keys(STREAMS),
    },
    ...FILTERS,
    { flags: '--limit <count>', summary: 'end after printing this many records; 0 for no end', value: 'count' },
    { flags: '-o, --output <format>', summary: 'how records are printed', default: 'line', choices: LOG_FORMATS },
    { flags: '--json', summary: 'same as -o json: one object a line' },
    { flags: '--logPath <path>', summary: 'where to: a file, stdout or none', default: 'stdout', completes: 'file' },
    { flags: '--msgPath <path>', summary: 'where the agent’s own messages go: a file, stdout or none', default: 'none', completes: 'file' },
    ...AGENT_OPTIONS,
    {
      flags: '--tlsCertProvider <which>',
      summary: 'self: certificates from the cluster’s Secret; external: from --tlsCertPath',
      choices: ['self', 'external'],
    },
    ...CLUSTER_OPTIONS,
    INSTALLATION_OPTION,
  ],
  details: DETAILS,
  async run(_args, flags, io) {
    const streams = streamsOf(flags);
    if (streams.length === 0) {
      io.err('karmor logs: --logPath none and --msgPath none leave nothing to show');
      return EXIT_CODES.usage.code;
    }
    checkLogFilters(flags);
    const warning = regexWarning(flags);
    if (warning !== undefined) io.err(`karmor logs: ${warning}`);
    warnOfEmptyChoice(flags, io);
    const renderer = await loadRenderer(flags.isSet('json') ? 'json' : (flags.text('output') as LogFormat));
    await using log = await openLogSink(flags.text('logPath') ?? 'stdout', io);
    await using message = await openLogSink(flags.text('msgPath') ?? 'none', io);
    return await printFeed({ streams, flags, renderer, sinks: { alert: log, log, message } }, io);
  },
};

interface PrintPlan {
  readonly streams: readonly StreamName[];
  readonly flags: Flags;
  readonly renderer: RecordRenderer;
  readonly sinks: { readonly [K in StreamName]: LogSink };
}

async function printFeed({ streams, flags, renderer, sinks }: PrintPlan, io: Io): Promise<ExitCode> {
  const wanted = wantedBy(flags);
  const limit = flags.count('limit') ?? 0;
  const loss = new LossMeter();
  const say = (text: string): void => io.err(`karmor logs: ${text}`);
  const { feedConnector } = await import('../cluster/relay-connection.ts');
  using connector = await feedConnector(await chooseTarget(flags, io), flags, io, say);
  const feed = followFeed({ streams, connect: () => connector.connect(), ...connectionNotes(say, loss) }, io);
  let printed = 0;
  for await (const item of feed) {
    const note = loss.note(item);
    if (note !== undefined) say(note);
    if (item.stream !== 'message' && !wanted(item)) continue;
    await sinks[item.stream].write(renderer(item));
    if (item.stream !== 'message' && ++printed === limit) break;
  }
  if (loss.total > 0) say(`${loss.total} records are known to be lost in all`);
  return EXIT_CODES.ok.code;
}

function connectionNotes(say: (text: string) => void, loss: LossMeter): { lost(why: string): void; restored(gapMs: number): void } {
  return {
    lost: (why) => say(`connection lost (${why}); trying again`),
    restored: (gapMs) => {
      loss.reconnected();
      say(`connected again after ${(gapMs / 1000).toFixed(1)} s; what the agent told in that time is not shown`);
    },
  };
}

function streamsOf(flags: Flags): readonly StreamName[] {
  const records: readonly StreamName[] = flags.text('logPath') === 'none' ? [] : STREAMS[flags.text('logFilter') as LogFilterName];
  return (flags.text('msgPath') ?? 'none') === 'none' ? records : [...records, 'message'];
}

function wantedBy(flags: Flags): (item: FeedItem) => boolean {
  const matches = compileLogFilter({
    namespace: flags.text('namespace'),
    pod: flags.text('pod'),
    container: flags.text('container'),
    logType: flags.text('logType'),
    operation: flags.text('operation'),
    source: flags.text('source'),
    resource: flags.text('resource'),
    labels: flags.list('labels'),
  });
  return ({ record }) => matches(record as FilteredRecord);
}

/** A type of the other stream would wait forever without a word. */
function warnOfEmptyChoice(flags: Flags, io: Io): void {
  const type = flags.text('logType')?.toLowerCase();
  const filter = flags.text('logFilter');
  if (filter === 'policy' && (type === 'containerlog' || type === 'hostlog')) {
    io.err(`karmor logs: --logType ${flags.text('logType')} never occurs among alerts; add --logFilter system`);
  }
  if (filter === 'system' && type?.startsWith('matched') === true) {
    io.err(`karmor logs: --logType ${flags.text('logType')} never occurs in telemetry; use --logFilter policy`);
  }
}
