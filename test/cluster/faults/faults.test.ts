// SPDX-License-Identifier: Apache-2.0
// The scenarios of test/cluster/faults.kube.ts, shortened, with an API server in memory.
import { test } from 'node:test';
import { clockJumps, serverAwayUnderChurn, versionsForgotten, watchesCut } from './scenarios.ts';
import { FakeStage } from './stage.ts';
import { upgradeUnderLoad } from './upgrade.ts';

const SCENARIOS = [
  ['the API server is away under pod churn', serverAwayUnderChurn],
  ['watches are cut again and again', watchesCut],
  ['the server forgot versions (410)', versionsForgotten],
  ['the clock jumps', clockJumps],
  ['another version of every program, and back, under load', upgradeUnderLoad],
] as const;

for (const [name, play] of SCENARIOS) test(name, { timeout: 110_000 }, () => play(new FakeStage()));
