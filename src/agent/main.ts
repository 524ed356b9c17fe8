// SPDX-License-Identifier: Apache-2.0
import { runProgram } from '#base';
import { helpText, readProcessConfig } from './config.ts';
import { endEnforcement } from './end-enforcement.ts';
import { runOnThisNode } from './wire-up.ts';

const { stdout, stderr } = process;

process.exitCode = await runProgram({
  name: 'kubearmor',
  help: helpText,
  settings: readProcessConfig(),
  run: async ({ config, remove }, signal) =>
    remove === undefined
      ? await runOnThisNode(config, { stdout, stderr }, signal)
      : await endEnforcement(config, remove.confirmed, (line) => void stdout.write(`${line}\n`)),
});
