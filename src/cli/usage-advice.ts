// SPDX-License-Identifier: Apache-2.0

const CERTIFICATES =
  'leave it out: nobody but the operator has the key of the authority; --tlsCertPath names files, else the Secret is read';
const KVM = 'leave it out: there is no KVM service in this version; --gRPC names the agent';

/** Options that KubeArmor's tool has and this one has not, by command (empty: any): why, or what to write instead. */
const OPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': { '--json': 'write -o json' },
  logs: {
    '--readCAFromSecret': CERTIFICATES,
    '--selector': 'write -l k=v',
    '--since': 'there is no history: what comes from now on is shown',
    '--follow': 'leave it out: karmor logs always follows',
  },
  vm: { '--kvms': KVM, '--http-ip': KVM, '--http-port': KVM },
};

/** Commands that KubeArmor's tool had, that its users ask for, or that fingers type: what does it here. */
const COMMANDS: Readonly<Record<string, string>> = {
  get: '`karmor policy list`, or without Kubernetes `karmor vm policy list`',
  'list-policy': '`karmor policy list`, or without Kubernetes `karmor vm policy list`',
  insight: '`karmor logs --logFilter=all`',
  observe: '`karmor logs --logFilter=all`',
  log: '`karmor logs`',
  check: '`karmor policy check`',
  lint: '`karmor policy lint`',
  test: '`karmor policy test`',
  diff: '`karmor policy diff`',
  why: '`karmor explain`',
  'policy explain': '`karmor explain`',
  'policy why': '`karmor explain`',
  'policy compare': '`karmor policy diff`',
  validate: '`karmor policy check`',
  apply: '`karmor vm policy add`',
  add: '`karmor vm policy add`',
  delete: '`karmor vm policy delete`',
  list: '`karmor policy list`, or without Kubernetes `karmor vm policy list`',
  status: '`karmor probe`, or `karmor policy status`',
  'vm add': '`karmor vm policy add`',
  'vm delete': '`karmor vm policy delete`',
  'vm list': '`karmor vm policy list`',
  'vm logs': '`karmor logs`',
  'vm probe': '`karmor probe`',
  'vm policy apply': '`karmor vm policy add`',
  'vm policy create': '`karmor vm policy add`',
  'vm policy get': '`karmor vm policy list`',
  'vm policy ls': '`karmor vm policy list`',
  'vm policy remove': '`karmor vm policy delete`',
  'vm policy rm': '`karmor vm policy delete`',
  'vm policy check': '`karmor policy check`',
  'policy add': '`karmor vm policy add`',
  'policy apply': '`karmor vm policy add`',
  'policy delete': '`karmor vm policy delete`',
  'policy remove': '`karmor vm policy delete`',
  'policy get': '`karmor policy list`, or without Kubernetes `karmor vm policy list`',
  'policy ls': '`karmor policy list`',
  'policy drift': '`karmor policy diff`',
  'policy validate': '`karmor policy check`',
};

/** What to write instead of an option, or why it is not here; undefined where nobody had it. */
export function optionAdvice(words: readonly string[], typed: string): string | undefined {
  const name = typed.startsWith('--') ? typed : typed.slice(0, 2);
  return [words.join(' '), words[0] ?? '', ''].map((command) => OPTIONS[command]?.[name]).find((advice) => advice !== undefined);
}

/** The command that does what an unknown one was typed for. */
export function commandAdvice(words: readonly string[], typed: string): string | undefined {
  const path = [...words, typed].join(' ');
  return Object.hasOwn(COMMANDS, path) ? COMMANDS[path] : undefined;
}
