// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';

export interface Asked {
  readonly port: number;
  readonly path: string;
  /** PEM of the authorities that are trusted. */
  readonly ca: string;
  readonly host: string;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks a webhook as the API server does, on a connection of its own; the status and the body of what it says. */
export async function ask({
  port,
  path,
  ca,
  host,
  method = 'POST',
  body = '',
  headers = {},
}: Asked): Promise<{ code: number; text: string }> {
  const agent = new Agent({ keepAlive: false });
  const sent = request({ agent, host: '127.0.0.1', port, path, method, ca, servername: host, headers: { host, ...headers } });
  const answer = once(sent, 'response');
  sent.on('error', () => {}); // one that is refused early may end while it is still being sent
  sent.end(body);
  const [response] = (await answer) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
}

/** An AdmissionReview. */
export function reviewOf(request: Readonly<Record<string, unknown>>): string {
  const basics = { uid: 'a-uid', operation: 'CREATE', dryRun: false, namespace: 'shop' };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { ...basics, ...request } });
}
