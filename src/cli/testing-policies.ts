// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { runCli } from './run-cli.ts';
import { recordingIo } from './testing.ts';

/** A folder of policies for tests of commands; it is gone after the tests. */
export const folder = mkdtempSync(join(tmpdir(), 'karmor-tools-'));
after(() => rmSync(folder, { recursive: true }));

/** Writes a file below the folder, and gives its whole path. */
export function put(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Runs the command line as a terminal of 80 columns sees it. */
export async function karmor(...args: string[]): Promise<{ code: number; out: string[]; err: string[]; text: string }> {
  const { io, out, err } = recordingIo();
  const code = await runCli(args, io);
  return { code, out, err, text: out.join('\n') };
}

/** The beginning of a policy for workloads `app=web` in `shop`, up to its rules. */
export const HEAD = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: web
  namespace: shop
spec:
  selector:
    matchLabels:
      app: web
`;
/** A policy with rules on programs and ports. */
export const POLICY = put(
  'web.yaml',
  `${HEAD}  process:
    matchPaths:
      - path: /bin/sh
        action: Block
        message: no shells
      - path: /bin/ping
        action: Audit
    matchDirectories:
      - dir: /bin/
        recursive: true
        action: Allow
  network:
    matchProtocols:
      - protocol: tcp
        port: 443
        action: Block
`,
);
