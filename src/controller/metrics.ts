// SPDX-License-Identifier: Apache-2.0

interface Declared {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Every metric of the controller; docs/reference/controller.md lists the same. */
export const METRICS = {
  kubearmor_controller_leader: { type: 'gauge', help: '1 while this replica leads.', labels: [] },
  kubearmor_controller_policies: { type: 'gauge', help: 'Policies in the cluster, by the word of their status.', labels: ['status'] },
  kubearmor_controller_nodes: {
    type: 'gauge',
    help: 'Nodes by whether their agent says that its report holds: fresh, silent, none.',
    labels: ['state'],
  },
  kubearmor_controller_status_writes_total: { type: 'counter', help: 'Statuses of policies that were written.', labels: [] },
  kubearmor_controller_policy_manager_changes_total: {
    type: 'counter',
    help: 'Policies whose specification was written by another field manager than before.',
    labels: [],
  },
  kubearmor_controller_object_failures_total: {
    type: 'counter',
    help: 'Objects of the cluster that could not be taken in and count as they were before, by kind: a bug, and the log says of which.',
    labels: ['kind'],
  },
  kubearmor_controller_admission_total: {
    type: 'counter',
    help: 'Answers to the API server, by path and outcome.',
    labels: ['path', 'outcome'],
  },
  kubearmor_controller_admission_seconds_total: { type: 'counter', help: 'Time that these answers took.', labels: ['path'] },
  kubearmor_controller_certificate_expiry_seconds: {
    type: 'gauge',
    help: 'When the certificate that the webhooks show expires, in seconds since 1970.',
    labels: [],
  },
  kubearmor_controller_certificate_steps_total: { type: 'counter', help: 'Steps of certificates’ renewal, by kind.', labels: ['step'] },
} as const satisfies Record<string, Declared>;

export type MetricName = keyof typeof METRICS;
type Labels = Readonly<Record<string, string>>;

/** The numbers of this process, since it began. */
export class Metrics {
  readonly #values = new Map<MetricName, Map<string, number>>();

  add(name: MetricName, labels: Labels = {}, by = 1): void {
    const series = this.#series(name);
    const key = labelText(labels);
    series.set(key, (series.get(key) ?? 0) + by);
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.#series(name).set(labelText(labels), value);
  }

  /** Of a gauge by label: what is not named is gone. */
  setAll(name: MetricName, label: string, values: ReadonlyMap<string, number>): void {
    const series = this.#series(name);
    series.clear();
    for (const [word, value] of values) series.set(labelText({ [label]: word }), value);
  }

  get(name: MetricName, labels: Labels = {}): number {
    return this.#values.get(name)?.get(labelText(labels)) ?? 0;
  }

  /** @source Prometheus text format 0.0.4 */
  render(): string {
    const lines = Object.entries(METRICS).flatMap(([name, { type, help, labels }]) => {
      const series = this.#values.get(name as MetricName) ?? new Map<string, number>(labels.length === 0 ? [['', 0]] : []);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...Array.from(series, ([key, value]) => `${name}${key} ${value}`)];
    });
    return `${lines.join('\n')}\n`;
  }

  #series(name: MetricName): Map<string, number> {
    const found = this.#values.get(name) ?? new Map<string, number>();
    this.#values.set(name, found);
    return found;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${key}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
