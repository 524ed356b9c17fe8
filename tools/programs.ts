// SPDX-License-Identifier: Apache-2.0
// The programs of this repository. Run, it prints them for tools/bundle.sh: `NAME=SOURCE [--splitting]`, one a line.

/** A program that is bundled into one file. */
export interface Program {
  readonly name: string;
  /** Where it starts, from the root of the tree. */
  readonly source: string;
  readonly what: string;
  /** One flag at most for Node: it stands in the first line of the installed file, which takes one. */
  readonly nodeFlag?: string;
  /** While developing, and on a host: a command that is called often is split, so that it reads only what it needs. */
  readonly split?: boolean;
}

/** Another program is one more entry here, and where it runs in a cluster one in tools/release/images.ts. */
export const PROGRAMS = [
  // A small young generation saves 10 to 20 MB and costs events no time.
  { name: 'kubearmor', source: 'src/agent/main.ts', what: 'the agent of a node', nodeFlag: '--max-semi-space-size=2' },
  { name: 'karmor', source: 'src/cli/main.ts', what: 'the command line', split: true },
  { name: 'kubearmor-controller', source: 'src/controller/main.ts', what: 'the controller of a cluster: webhooks and status' },
  { name: 'kubearmor-operator', source: 'src/operator/main.ts', what: 'installs what a KubeArmorConfig asks for, and keeps it so' },
  { name: 'kubearmor-relay', source: 'src/relay/main.ts', what: 'the alerts and logs of all agents as one stream' },
] as const satisfies readonly Program[];

export type ProgramName = (typeof PROGRAMS)[number]['name'];

if (import.meta.main) {
  const programs: readonly Program[] = PROGRAMS;
  for (const { name, source, split } of programs) console.log(`${name}=${source}${split === true ? ' --splitting' : ''}`);
}
