// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KubeArmorError } from '#base';
import { readConfig } from './config.ts';
import type { AgentConfig } from './config.ts';
import { endEnforcement } from './end-enforcement.ts';

const scratch = mkdtempSync(join(tmpdir(), 'end-'));
after(() => rmSync(scratch, { recursive: true }));
const isRoot = process.getuid?.() === 0;
let next = 0;

function node(): { config: AgentConfig; pin: string } {
  const root = join(scratch, String(next++));
  const pin = join(root, 'kubearmor', 'aa', 'link_exec');
  mkdirSync(join(pin, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(pin, '');
  const argv = [`-bpfFsPath=${root}`, `-stateDir=${root}`, `-socket=${join(root, 's')}`, '-remove', '-yes'];
  const result = readConfig({ argv, env: {}, readFile: () => undefined });
  assert.ok('config' in result, JSON.stringify(result));
  return { config: result.config, pin };
}

async function end(config: AgentConfig, confirmed: boolean): Promise<{ code: number; lines: string }> {
  const lines: string[] = [];
  const code = await endEnforcement(config, confirmed, (line) => void lines.push(line));
  return { code, lines: lines.join('\n') };
}

test('without -yes it says what would end, and ends nothing', { skip: !isRoot }, async () => {
  const { config, pin } = node();
  const { code, lines } = await end(config, false);
  assert.equal(code, 2);
  assert.match(lines, /version aa: 1 programs/);
  assert.match(lines, /nothing was removed.*-remove -yes/);
  assert.equal(existsSync(pin), true);
});

test('with -yes it ends, and says what was removed and what stays', { skip: !isRoot }, async () => {
  const { config, pin } = node();
  const { code, lines } = await end(config, true);
  assert.equal(code, 0);
  assert.match(lines, /removed.*version aa: 1 programs/);
  assert.match(lines, /no rule .* until an agent starts.*\/opt\/kubearmor\/policies/);
  assert.equal(existsSync(pin), false);
  const again = await end(config, true);
  assert.deepEqual([again.code, /nothing is in force/.test(again.lines)], [0, true]);
});

test('while an agent runs it is refused', { skip: !isRoot }, async () => {
  const { config, pin } = node();
  const server = net.createServer().listen(config.socket);
  await new Promise((resolve) => server.once('listening', resolve));
  await assert.rejects(
    end(config, true),
    (error) => error instanceof KubeArmorError && /an agent listens on .*: stop it first/.test(error.message),
  );
  server.close();
  assert.equal(existsSync(pin), true);
});

test('-remove and -yes are words of their own, not settings', () => {
  const read = (...argv: string[]) => readConfig({ argv, env: {}, readFile: () => undefined });
  const removeOf = (...argv: string[]): unknown => {
    const result = read(...argv);
    return 'config' in result ? result.remove : result;
  };
  assert.equal(removeOf(), undefined);
  assert.deepEqual(removeOf('-remove'), { confirmed: false });
  assert.deepEqual(removeOf('--yes', '--remove', '-cluster', 'a'), { confirmed: true });
  assert.ok('issues' in read('-yes'), 'alone it confirms nothing');
  assert.ok('issues' in read('-remove', '-clster=a'), 'a wrong setting is an error here too');
  assert.ok('issues' in read('-remove=true'));
});
