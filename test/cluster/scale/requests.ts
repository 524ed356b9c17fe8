// SPDX-License-Identifier: Apache-2.0

/** What the API server was asked, by `VERB resource`, and bytes that it sent; sums since it started. */
export interface Requests {
  readonly counts: ReadonlyMap<string, number>;
  /** Of answers, and of watch events. */
  readonly bytes: { readonly answers: number; readonly events: number };
}

const LINE = /^(\w+)\{([^}]*)\} (\S+)$/;
/** Kinds that our programs ask for; the API server asks itself for others. */
const OURS = /^(kubearmor\w+|pods|namespaces|nodes|configmaps|leases|secrets|events|validatingwebhookconfigurations)$/;

/** Reads the page of metrics. @source Kubernetes, “Kubernetes Metrics Reference”: apiserver_request_total, apiserver_response_sizes */
export function readRequests(page: string): Requests {
  const counts = new Map<string, number>();
  const bytes = { answers: 0, events: 0 };
  for (const line of page.split('\n')) {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (name === 'apiserver_response_sizes_sum') bytes.answers += Number(value);
    if (name === 'apiserver_watch_events_sizes_sum') bytes.events += Number(value);
    if (name !== 'apiserver_request_total' || !OURS.test(labelOf(labels, 'resource'))) continue;
    const key = `${labelOf(labels, 'verb')} ${labelOf(labels, 'resource')}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(value));
  }
  return { counts, bytes };
}

const labelOf = (labels: string, name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';

/** What came between two looks. Requests that did not come are left out. */
export function between(before: Requests, after: Requests): Requests {
  const counts = [...after.counts].map(([key, count]) => [key, count - (before.counts.get(key) ?? 0)] as const);
  return {
    counts: new Map(counts.filter(([, count]) => count !== 0)),
    bytes: { answers: after.bytes.answers - before.bytes.answers, events: after.bytes.events - before.bytes.events },
  };
}

/** By verb, whatever the resource. */
export function byVerb({ counts }: Requests): ReadonlyMap<string, number> {
  const verbs = new Map<string, number>();
  for (const [key, count] of counts) {
    const [verb = ''] = key.split(' ');
    verbs.set(verb, (verbs.get(verb) ?? 0) + count);
  }
  return verbs;
}
