// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, HEAD, karmor, POLICY, put } from '../testing-policies.ts';

const CHANGED = put('changed.yaml', readFileSync(POLICY, 'utf8').replace('443', '444').replace('path: /bin/sh', 'path: /bin/bash'));

const TESTS = `policies: [web.yaml]
workload:
  labels: {app: web}
  namespace: shop
tests:
  - exec: /bin/sh
    expect: denied
    policy: web
    rule: spec.process.matchPaths[0]
    action: Block
  - connect: tcp:10.0.0.1:443
    expect: denied
  - exec: /opt/x
    expect: audited
    policy: DefaultPosture
  - exec: /bin/sh
    workload: {mode: audited}
    expect: audited
    action: Audit (Block)
  - exec: /bin/sh
    workload: {labels: {app: other}}
    expect: allowed
`;

test('karmor policy test: all pass, with coverage and JUnit', async () => {
  const file = put('good.test.yaml', TESTS);
  const junit = join(folder, 'out.xml');
  const { code, text } = await karmor('policy', 'test', '--coverage', '--junit', junit, file);
  assert.equal(code, 0, text);
  assert.match(text, /web\.yaml:15:9: web spec\.process\.matchPaths\[1\]: no test meets it/);
  assert.match(text, /coverage: 2 of 4 rules decided a test \(50%\)\n1 file: 5 passed, 0 failed$/);
  const xml = readFileSync(junit, 'utf8');
  assert.match(xml, /<testsuites name="karmor policy test" tests="5" failures="0" errors="0">/);
  assert.equal(xml.match(/<testcase /g)?.length, 5);
  assert.equal((await karmor('policy', 'test', '--min-coverage', '50', file)).code, 0);
  assert.equal((await karmor('policy', 'test', '--min-coverage', '51', file)).code, 1);
});

test('karmor policy test: a failure names the test, the difference and the rule with its place', async () => {
  const file = put(
    'bad.test.yaml',
    TESTS.replace('expect: denied\n    policy: web', 'name: "shells <&> "\n    expect: allowed\n    policy: other').replace(
      '    action: Block\n',
      '',
    ),
  );
  const junit = join(folder, 'bad.xml');
  const { code, text } = await karmor('policy', 'test', '--junit', junit, file);
  assert.equal(code, 1);
  assert.match(
    text,
    /^FAIL {2}shells <&> {3}\(.*bad\.test\.yaml:6:5\)\n {6}expected allowed, was denied\n {6}policy: expected other, was web\n/,
  );
  assert.match(text, /decided {2}by Block, web spec\.process\.matchPaths\[0\] \(.*web\.yaml:12:9\)/);
  assert.match(readFileSync(junit, 'utf8'), /name="shells &lt;&amp;&gt; ".*>\n {6}<failure message="expected allowed, was denied; policy/);
  const json = JSON.parse((await karmor('policy', 'test', '-o', 'json', file)).text) as {
    summary: { failed: number };
    schemaVersion: number;
  };
  assert.deepEqual([json.summary.failed, json.schemaVersion], [1, 1]);
});

test('karmor policy test: every problem of a test file at once, with its place, and nothing is run', async () => {
  const file = put(
    'wrong.test.yaml',
    `policies: [none.yaml]
workload: {namspace: shop}
tests:
  - exec: sh
    expect: denied
  - read: /a
    write: /b
    expect: maybe
  - connect: tpc:10.0.0.1:443
    expect: denied
  - capability: NET_ROW
    expect: allowed
    action: Block
  - expect: denied
`,
  );
  const { code, out, text } = await karmor('policy', 'test', file);
  assert.equal(code, 65);
  for (const wanted of [
    /:2:12: error: workload\.namspace: .*did you mean `namespace`/,
    /:4:11: error: tests\[0\]\.exec: `sh` is not an absolute path/,
    /:6:5: error: tests\[1\]: asks 2 things: read, write/,
    /:8:13: error: tests\[1\]\.expect: unknown value `maybe`/,
    /:9:14: error: tests\[2\]\.connect: `tpc` has no peers \(did you mean `tcp`\?\)/,
    /:11:17: error: tests\[3\]\.capability: .*did you mean `NET_RAW`/,
    /error: tests\[3\]\.action: what is allowed raises no alert/,
    /:14:5: error: tests\[4\]: asks nothing/,
  ])
    assert.match(text, wanted);
  assert.equal(out.at(-1), '1 file: no test was run');
  const missing = await karmor('policy', 'test', put('missing.test.yaml', TESTS.replace('web.yaml', 'none.yaml')));
  assert.match(missing.text, /:1:12: error: policies: reading .*none\.yaml: no such file or folder/);
});

test('karmor policy test: an inline policy, links of the root and applets', async () => {
  const policy = readFileSync(POLICY, 'utf8')
    .split('\n')
    .map((line, i) => (i === 0 ? `  - ${line}` : `    ${line}`))
    .join('\n');
  const inline = `policies:\n${policy}\nworkload: {namespace: shop, labels: {app: web}}\n`;
  const busybox = `root:\n  links: {/bin/sh: busybox}\ntests:\n  - {exec: /bin/sh, expect: denied}\n  - {exec: /bin/busybox, expect: allowed}\n`;
  const merged = `root: {mergedUsr: true}\ntests:\n  - {exec: /bin/sh, expect: denied}\n  - {exec: /usr/bin/sh, expect: denied}\n`;
  for (const rest of [busybox, merged]) {
    const { code, text } = await karmor('policy', 'test', put('inline.test.yaml', inline + rest));
    assert.equal(code, 0, text);
  }
});

test('karmor policy diff: a witness for each change, and none where there is none', async () => {
  const { code, text } = await karmor('policy', 'diff', POLICY, CHANGED);
  assert.equal(code, 1);
  assert.match(text, /^namespace shop, app=web\n/);
  assert.match(
    text,
    /denied → allowed {2}run \/bin\/sh\n[^]*before {2}Block, web spec\.process\.matchPaths\[0\] \(.*web\.yaml:12:9\)\n {6}after {3}Allow, web/,
  );
  assert.match(text, /allowed → denied {2}connect a socket \(IPv4 tcp\) to .*:444/);
  assert.match(text, /\d changes of verdict in 1 workload; not\s+compared: objects of other/);
  const same = await karmor('policy', 'diff', POLICY, POLICY, '-l', 'app=web');
  assert.equal(same.code, 0);
  assert.match(same.text, /^no access changes its verdict, in 1 workload; not\s+compared: objects\s+of\s+other\s+mount/);
  const json = JSON.parse((await karmor('policy', 'diff', '-o', 'json', POLICY, CHANGED)).text) as {
    workloads: { complete: boolean; changes: object[] }[];
  };
  assert.ok(json.workloads[0]?.complete && json.workloads[0].changes.length > 0);
});

test('karmor policy diff: an empty side counts as no policies, and is named', async () => {
  const [empty, emptyFolder, foreign] = [
    put('none/only.yaml', '# nothing\n'),
    join(folder, 'nothing'),
    put('foreign/x.yaml', '{apiVersion: v1, kind: Service}\n'),
  ];
  mkdirSync(emptyFolder);
  const count = (text: string): string => /(\d+) changes? of verdict/.exec(text)?.[1] ?? '';
  for (const none of [empty, emptyFolder, join(empty, '..'), join(foreign, '..'), '-', '/dev/null']) {
    const [added, removed] = [await karmor('policy', 'diff', none, POLICY), await karmor('policy', 'diff', POLICY, none)];
    assert.deepEqual([added.code, removed.code], [1, 1], added.err.join());
    assert.ok(count(added.text) !== '' && count(added.text) === count(removed.text), added.text);
    const name = none === '-' ? 'stdin' : none;
    assert.deepEqual(added.err, [`karmor policy diff: before: there is no policy in ${name}: compared as an empty set`]);
    assert.deepEqual(removed.err, [`karmor policy diff: after: there is no policy in ${name}: compared as an empty set`]);
  }
  const both = await karmor('policy', 'diff', empty, emptyFolder);
  assert.deepEqual([both.code, both.out, both.err.length], [0, ['no policy on either side: no access changes its verdict'], 2]);
  const json = await karmor('policy', 'diff', empty, emptyFolder, '-o', 'json');
  assert.deepEqual([json.code, JSON.parse(json.text)], [0, { schemaVersion: 1, workloads: [] }]);
  const missing = await karmor('policy', 'diff', POLICY, join(folder, 'no-such'));
  assert.deepEqual([missing.code, missing.out], [2, []]);
  assert.match(missing.err.join(), /no-such: no such file or folder/);
  const refused = await karmor('policy', 'diff', empty, put('refused.yaml', HEAD.replace('KubeArmorPolicy', 'KubeArmorPolcy')));
  assert.equal(refused.code, 65);
});

const ODD = `${HEAD}  defaultPosture: block
  file:
    matchDirectories:
      - dir: /etc/
        recursive: true
        action: Block
      - dir: /etc/ssl/
        recursive: true
        action: Block
        readOnly: true
    matchPaths:
      - path: /etc/hosts
        action: Block
      - path: /etc/hosts
        action: Block
        severity: 5
      - path: /etc/hosts
        action: Allow
      - path: /etc/motd
        action: Allow
    matchPatterns:
      - pattern: /x/[.]
        action: Audit
`;

test('karmor policy lint: shadowed, duplicate, never matching, excepted; each with its place and what makes it so', async () => {
  const { code, text } = await karmor('policy', 'lint', put('odd.yaml', ODD));
  assert.equal(code, 1);
  assert.match(
    text,
    /odd\.yaml:23:9: warning: spec\.file\.matchPaths\[1\]: another rule says the same: web spec\.file\.matchPaths\[0\] at .*odd\.yaml:21 \[RULE_DUPLICATE\]/,
  );
  assert.match(
    text,
    /odd\.yaml:26:9: warning: spec\.file\.matchPaths\[2\]: Allow never decides: .*matchPaths\[0\] at .* \[RULE_SHADOWED\]/,
  );
  assert.match(text, /matchPatterns\[0\]: no access exists that it matches \[RULE_MATCHES_NOTHING\]/);
  assert.match(text, /odd\.yaml:13:9: note: .*matchPaths\[3\] at .* \[BLOCK_EXCEPTED\]/);
  assert.ok(!/matchDirectories\[1\].*RULE_SHADOWED/.test(text), 'a deeper directory decides writes below it');
  const quiet = await karmor('policy', 'lint', '--level', 'warning', POLICY);
  assert.deepEqual([quiet.code, quiet.out.length], [1, 2], quiet.text);
});

interface Sarif {
  readonly version: string;
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly name: string; readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations?: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string };
          readonly region?: { readonly startLine: number; readonly startColumn: number };
        };
      }[];
    }[];
  }[];
}

/** What SARIF 2.1.0 asks of the properties that are written here. @source OASIS SARIF 2.1.0, sections 3.13, 3.14, 3.27, 3.29, 3.30 */
function assertSarif(text: string): Sarif['runs'][number]['results'] {
  const log = JSON.parse(text) as Sarif;
  assert.equal(log.version, '2.1.0');
  assert.equal(log.runs.length, 1);
  const [run] = log.runs;
  assert.ok(run !== undefined && run.tool.driver.name !== '');
  const ids = run.tool.driver.rules.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const result of run.results) {
    assert.equal(ids[result.ruleIndex], result.ruleId);
    assert.ok(['error', 'warning', 'note'].includes(result.level));
    assert.ok(result.message.text.length > 0);
    for (const { physicalLocation } of result.locations ?? []) {
      assert.ok(URL.canParse(physicalLocation.artifactLocation.uri, 'file:///root/'), physicalLocation.artifactLocation.uri);
      assert.ok(!/[\s\\]/.test(physicalLocation.artifactLocation.uri));
      const { startLine, startColumn } = physicalLocation.region ?? { startLine: 1, startColumn: 1 };
      assert.ok(Number.isInteger(startLine) && startLine >= 1 && Number.isInteger(startColumn) && startColumn >= 1);
    }
  }
  return run.results;
}

test('SARIF of lint and check', async () => {
  const file = join(folder, 'lint.sarif');
  await karmor('policy', 'lint', '--sarif', file, put('odd one.yaml', ODD));
  const results = assertSarif(readFileSync(file, 'utf8'));
  assert.ok(results.some(({ ruleId, level }) => ruleId === 'RULE_SHADOWED' && level === 'warning'));
  assert.match(results[0]?.locations?.[0]?.physicalLocation.artifactLocation.uri ?? '', /odd%20one\.yaml$/);
  const check = await karmor('policy', 'check', '--sarif', '-', put('broken.yaml', HEAD.replace('KubeArmorPolicy', 'KubeArmorPolcy')));
  assert.equal(check.code, 65);
  assert.ok(assertSarif(check.text).some(({ level }) => level === 'error'));
  const blocked = await karmor('policy', 'lint', '--sarif', join(folder, 'no', 'such'), POLICY);
  assert.equal(blocked.code, 74);
});

test('karmor policy check --node: a node that enforces, one that does not, and files without facts', async () => {
  const good = await karmor('policy', 'check', '--node', 'local', POLICY);
  assert.equal(good.code, 0, good.text);
  assert.match(good.text, /node node1 \(kernel 6\.12\.0-1-amd64\): enforces every rule$/);
  const facts = { hostname: 'old', kernelRelease: '5.10.0-1', lsms: ['capability'], hasBtf: true, cgroupVersion: 2 };
  const old = await karmor('policy', 'check', '--node', put('old.json', JSON.stringify({ node: facts })), POLICY);
  assert.equal(old.code, 1);
  assert.match(old.text, /node old \(kernel 5\.10\.0-1\): enforces nothing\n {2}- the kernel 5\.10\.0-1 is older than 5\.17\n/);
  const dns = put('dns.yaml', `${HEAD}  network:\n    matchDNSQueries:\n      - domain: example.org\n        action: Block\n`);
  const part = await karmor('policy', 'check', '--node', 'local', dns, '-o', 'json');
  assert.equal(part.code, 1, part.text);
  const { node } = JSON.parse(part.text) as { node: { enforces: boolean; constructs: { construct: string; rules: { rule: string }[] }[] } };
  assert.equal(node.enforces, true);
  assert.deepEqual(
    node.constructs.map(({ construct, rules }) => [construct, rules.length]),
    [['network.matchDNSQueries', 1]],
  );
  for (const [text, wanted] of [
    ['{', /it is no JSON/],
    ['{}', /it has no facts of a node/],
    ['{"kernelRelease": "x", "hasBtf": true}', /`x` is no kernel release/],
    ['{"kernelRelease": "6.1.0", "hasBtf": 1}', /`hasBtf` is neither/],
    ['{"kernelRelease": "6.1.0", "hasBtf": true, "lsms": "bpf"}', /`lsms` is no list/],
  ] as const) {
    const wrong = await karmor('policy', 'check', '--node', put('wrong.json', text), POLICY);
    assert.equal(wrong.code, 2);
    assert.match(wrong.err.join(), wanted);
  }
});
