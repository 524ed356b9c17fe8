// SPDX-License-Identifier: Apache-2.0
import type { Measure } from './measure.ts';

/** A line of the table: what was measured, what it may be, what KubeArmor 1.7.5 takes in the same guest. */
interface Row {
  readonly what: string;
  /** Names of measures, `what|state`, in the order in which they are shown. */
  readonly of: readonly string[];
  /** The most that each of them may be; the last counts for the rest too. Absent: no budget. */
  readonly goal?: readonly number[];
  readonly unit: string;
  /** At least `goal` instead. */
  readonly atLeast?: boolean;
  readonly kubearmor?: string;
}

const US = 'µs';
const added = (what: string, of: readonly string[], goal: readonly number[] | undefined, kubearmor = ''): Row => ({
  what,
  of,
  unit: US,
  kubearmor,
  ...(goal === undefined ? {} : { goal }),
});

const opens = (state: string, where = ''): string[] => [`open shallow${where}|${state}`, `open deep${where}|${state}`];

const COSTS: readonly Row[] = [
  added('open + close, no scope: shallow, 8 deep', opens('unscoped'), [1.6], '+ 44 (idle)'),
  added('open + close, 20 rules elsewhere: shallow, 8 deep', opens('rules-20'), [6, 9], '+ 108'),
  added('the same, 300 rules', opens('rules-300'), [6, 9], 'at most 256 rules'),
  added('the same, 1,000 rules', opens('rules-1000'), [6, 9]),
  added('the same, 10,000 rules', opens('rules-10000'), [6, 9]),
  added('rules in the same folders: shallow, 8 deep', opens('near'), undefined),
  added('on overlay, 20 rules elsewhere: shallow, 8 deep', opens('rules-20', ' overlay'), [8, 12]),
  added('allow list, allowed path: shallow, 8 deep', opens('allow-list'), [12]),
  added('denied, the same file again and again (counted)', opens('denied'), undefined),
  added('denied, always another file (an event each)', ['each|denied'], undefined),
  added('audited, the same file; always another', ['open shallow|audited', 'each|audited'], undefined),
  added('rename, 20 rules elsewhere', ['rename|rules-20'], [15]),
  added('4 KiB write, 20 rules elsewhere', ['write 4 KiB|rules-20'], [3]),
  added('exec, no scope: static on tmpfs, dynamic on overlay', ['exec static|unscoped', 'exec dynamic overlay|unscoped'], undefined),
  added(
    'exec, 20 rules elsewhere: the same',
    ['exec static|rules-20', 'exec dynamic overlay|rules-20'],
    [10, 60],
    'its bprm program alone 75',
  ),
  added('socket + connect + accept + close, network rules', ['socket|network'], [10], '+ 245'),
  added('fork of a scoped task', ['fork|rules-20'], [3]),
];

const OTHERS: readonly Row[] = [
  {
    what: 'visibility on, open + close ÷ plain: shallow, 8 deep',
    of: opens('visibility').map((name) => `${name}|ratio`),
    goal: [1.5],
    unit: '×',
    kubearmor: '9.6 ×',
  },
  {
    what: 'visibility and 20 rules, the same',
    of: opens('visibility-rules').map((name) => `${name}|ratio`),
    unit: '×',
    kubearmor: '14.6 ×',
  },
  { what: 'open + close with 10,000 rules ÷ with 20', of: ['rules ratio|'], goal: [1.05], unit: '×' },
  { what: 'matcher, cold caches, 10,000 rules ÷ 10', of: ['matcher cold ratio|'], goal: [2], unit: '×' },
  {
    what: 'matcher, 40 bytes to the end, warm: 10, 1,000, 10,000 rules',
    of: [10, 1000, 10_000].map((n) => `matcher 40 bytes warm|${n}`),
    unit: 'ns',
  },
  { what: 'the same, cold', of: [10, 1000, 10_000].map((n) => `matcher 40 bytes cold|${n}`), unit: 'ns' },
  { what: 'image: 1,000 paths, 200 globs', of: ['image|1000', 'image|globs'], goal: [1024, 4096], unit: 'KiB' },
  { what: 'compile, warm: 1,000 paths, 200 globs', of: ['compile warm|1000', 'compile warm|globs'], goal: [50, 500], unit: 'ms' },
  { what: 'compile in a new process: the same', of: ['compile cold|1000', 'compile cold|globs'], unit: 'ms' },
  {
    what: 'request + compile + load, warm: 20, 1,000 rules',
    of: ['total warm|20', 'total warm|1000'],
    goal: [10, 80],
    unit: 'ms',
    kubearmor: '70–155 (10 rules), one by one',
  },
  {
    what: 'RPC to refusal, in the guest: 20, 1,000 rules',
    of: ['RPC in force, 20 rules|', 'RPC in force, 1000 rules|'],
    unit: 'ms',
    kubearmor: '36 (100 rules), 115–195 (250)',
  },
  { what: 'reader with decoding, a record', of: ['ring record decoded|'], goal: [300], unit: 'ns' },
  { what: 'records lost at that', of: ['ring lost|'], goal: [0], unit: '' },
  { what: '100,000 denials: accounted for', of: ['burst accounted for|'], goal: [100], atLeast: true, unit: '%', kubearmor: 'uncounted' },
  { what: '100,000 denials: delivered', of: ['burst delivered|'], goal: [99], atLeast: true, unit: '%', kubearmor: '55–63 %' },
  {
    what: 'maps: without workloads; 500 workloads with 20 rule sets',
    of: ['maps without workloads|', 'maps of 500 workloads|'],
    goal: [64],
    unit: 'MiB',
  },
  { what: 'agent ready, in the guest', of: ['agent ready|'], goal: [5], unit: 's', kubearmor: '32–40' },
  {
    what: 'agent RSS: idle, with 1,000 rules, peak of 50,000 denials in a burst',
    of: ['agent RSS idle|', 'agent RSS with 1,000 rules|', 'agent RSS under load|'],
    goal: [120, 200, 200],
    unit: 'MB',
    kubearmor: '285–302, 440–600',
  },
];

const show = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

/** What derives from measures: added costs in µs, ratios. */
function valuesOf(measures: readonly Measure[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const { what, state, value, added: extra } of measures) {
    values.set(`${what}|${state}`, extra === undefined ? value : extra / 1000);
    if (extra !== undefined) values.set(`${what}|${state}|ratio`, value / (value - extra));
    if (extra !== undefined) values.set(`${what}|${state}|total`, value);
  }
  const few = values.get('open deep|rules-20|total');
  const many = values.get('open deep|rules-10000|total');
  if (few !== undefined && many !== undefined) values.set('rules ratio|', many / few);
  const small = values.get('matcher 40 bytes cold|10');
  const large = values.get('matcher 40 bytes cold|10000');
  if (small !== undefined && large !== undefined) values.set('matcher cold ratio|', large / small);
  return values;
}

/** The table in Markdown, and how many budgets are missed. What was not measured reads –. */
export function renderTable(measures: readonly Measure[]): { text: string; missed: number } {
  const values = valuesOf(measures);
  let missed = 0;
  const line = (row: Row): string => {
    const plus = row.unit === US ? '+ ' : '';
    const found = row.of.map((name) => values.get(name));
    const goals = row.goal === undefined ? [] : row.of.map((_, i) => row.goal![Math.min(i, row.goal!.length - 1)]!);
    const bad = goals.some((goal, i) => found[i] !== undefined && (row.atLeast ? found[i] < goal : found[i] > goal));
    if (bad) missed++;
    const ours = found.map((value) => (value === undefined ? '–' : plus + show(value))).join(' / ');
    const goal = row.goal === undefined ? '' : `${row.atLeast ? '≥' : '≤'} ${row.goal.map((value) => plus + value).join(' / ')}`;
    const verdict = goals.length === 0 || found.every((value) => value === undefined) ? '' : bad ? 'missed' : 'met';
    return `| ${row.what} | ${ours} ${row.unit} | ${goal} | ${verdict} | ${row.kubearmor ?? ''} |`;
  };
  const head = ['| what | measured | budget | | KubeArmor |', '|---|---|---|---|---|'];
  return { text: [...head, ...[...COSTS, ...OTHERS].map(line)].join('\n'), missed };
}
