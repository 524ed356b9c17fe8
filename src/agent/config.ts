// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { errnoText, nearestWord } from '#base';
import type { Issue } from '#base';
import type { Posture, Postures } from '#policy';
import { readConfigFile, readEnvironment, readFlags } from './config-sources.ts';
import type { Given, Source } from './config-sources.ts';
import { allowedText, durationMs, normalise, SETTINGS } from './settings.ts';
import type { Setting } from './settings.ts';

export interface TcpConfig {
  readonly port: number;
  readonly healthPort: number;
  /** Folder of the certificates; undefined for plaintext on loopback. */
  readonly tlsCertPath: string | undefined;
}

/** How the agent finds its cluster. */
export interface KubeConfig {
  /** Empty: the host's own name. */
  readonly nodeName: string;
  /** The agent's own. */
  readonly namespace: string;
  /** Undefined: looked for. */
  readonly kubeconfig: string | undefined;
  readonly initTimeoutMs: number;
  /** For the search of a kubeconfig, and for what it runs. */
  readonly env: ConfigInputs['env'];
}

/** What the agent is told to be. */
export interface AgentConfig {
  /** Undefined: without Kubernetes. */
  readonly kube: KubeConfig | undefined;
  readonly cluster: string;
  /** Empty: the host's own name. */
  readonly host: string;
  readonly tcp: TcpConfig | undefined;
  readonly socket: string;
  readonly logPath: string;
  /** Path of the runtime's socket; undefined: looked for. */
  readonly runtimeSocket: string | undefined;
  readonly visibility: ReadonlySet<string>;
  readonly containerPolicies: boolean;
  readonly networkPolicies: boolean;
  /** Host policies are on; what they are where an event or a policy needs to know. */
  readonly hostPolicies: boolean;
  readonly hostPostures: Postures;
  readonly hostVisibility: ReadonlySet<string>;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly runtimePrograms: readonly string[];
  readonly untrackedNamespaces: ReadonlySet<string>;
  readonly auditedNamespaces: ReadonlySet<string>;
  /** Whether who makes a container may set its mode. */
  readonly modeAnnotation: boolean;
  readonly debug: boolean;
  readonly postures: Postures;
  readonly bpfFsPath: string;
  readonly machineIdPath: string;
  readonly dropProcessResource: boolean;
  readonly policyDir: string;
  readonly stateDir: string;
  readonly alertRingBytes: number;
  /** What becomes of starting containers while no agent is there: they start without rules, or wait for the next agent. */
  readonly startGate: 'open' | 'wait';
  /** How often each set of rules in force is proven by a canary, in seconds; 0: never. */
  readonly proofEvery: number;
  /** Undefined: the agent's own. */
  readonly bpfObject: string | undefined;
}

export type ConfigResult =
  | {
      readonly config: AgentConfig;
      /** `-remove`: end what an agent before left in force instead of running; `-yes` confirms it. */
      readonly remove?: { readonly confirmed: boolean };
    }
  /** Every problem of every source. */
  | { readonly issues: readonly Issue[] }
  /** The user asked for this text instead. */
  | { readonly text: 'help' | 'version' };

/** Where settings come from. */
export interface ConfigInputs {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @returns undefined where there is no such file */
  readonly readFile: (path: string) => string | undefined;
}

const DEFAULT_FILE = 'kubearmor.yaml';

/**
 * Reads flags, environment and `kubearmor.yaml` (`$KUBEARMOR_CFG`, else in the working directory).
 *
 * A flag counts before the environment, that before the file, that before the default. (KubeArmor lets environment and file
 * override a flag; nobody who types a flag means that.) A wrong value or an unknown name is an issue, never a default, also
 * where another source overrides it; all are returned at once.
 */
export function readConfig({ argv, env, readFile }: ConfigInputs): ConfigResult {
  if (argv.some((word) => /^--?(h|help)$/.test(word))) return { text: 'help' };
  if (argv.some((word) => /^--?version$/.test(word))) return { text: 'version' };
  const { words, remove, issues: wrong } = withoutRemove(argv);
  const sources = [readFlags(words), readEnvironment(env), fileSource(env['KUBEARMOR_CFG'], readFile)];
  const issues = [...wrong, ...sources.flatMap((source) => [...source.issues, ...source.given.flatMap((given) => valueIssues(given))])];
  if (issues.length > 0) return { issues };
  const values = new Values(sources);
  const config = build(values, env);
  const conflicts = crossIssues(values);
  if (conflicts.length > 0) return { issues: conflicts };
  return remove === undefined ? { config } : { config, remove };
}

/** What is asked for beside settings. It can be asked for by flag alone, so that no file or variable ends enforcement. */
function withoutRemove(argv: readonly string[]): { words: readonly string[]; remove?: { confirmed: boolean }; issues: readonly Issue[] } {
  const isRemove = (word: string): boolean => /^--?remove$/.test(word);
  const isYes = (word: string): boolean => /^--?yes$/.test(word);
  const withValue = argv.filter((word) => /^--?(remove|yes)=/.test(word));
  const words = argv.filter((word) => !isRemove(word) && !isYes(word) && !withValue.includes(word));
  const issues = withValue.map((word) => problem(word, 'this flag takes no value', 'write -remove, or -remove -yes'));
  if (argv.some(isRemove)) return { words, issues, remove: { confirmed: argv.some(isYes) } };
  const alone = argv.find(isYes);
  return { words, issues: alone === undefined ? issues : [...issues, problem(alone, 'there is nothing to confirm', 'write -remove -yes')] };
}

/** This program, as it was started. */
export const ownStart = (): { readonly file: string; readonly words: readonly string[]; readonly env: NodeJS.ProcessEnv } => ({
  file: process.execPath,
  words: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
  env: process.env,
});

/** Reads what this process was started with. */
export function readProcessConfig(): ConfigResult {
  return readConfig({
    argv: process.argv.slice(2),
    env: process.env,
    readFile: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  });
}

function fileSource(named: string | undefined, readFile: ConfigInputs['readFile']): Source {
  const file = named === undefined || named === '' ? DEFAULT_FILE : named;
  try {
    const text = readFile(file);
    if (text !== undefined) return readConfigFile(text, file);
    if (file === DEFAULT_FILE) return { given: [], issues: [] };
    return { given: [], issues: [problem('KUBEARMOR_CFG', `there is no file ${file}`, 'correct the variable, or unset it')] };
  } catch (error) {
    return { given: [], issues: [{ ...problem('', `cannot be read: ${errnoText(error)}`, 'correct its permissions'), file }] };
  }
}

const problem = (at: string, text: string, cure: string): Issue => ({
  severity: 'error',
  code: 'SETTING_INVALID',
  at,
  problem: text,
  cure,
});

function valueIssues({ setting, value, name, ...place }: Given): Issue[] {
  const normal = normalise(setting.type, value);
  if (normal === undefined) return [{ ...problem(name, `\`${value}\` is no value for it`, cureFor(setting, value)), ...place }];
  if (setting.notHere === undefined || isPossible(setting, normal)) return [];
  const others = setting.alsoPossible === undefined ? '' : `, or ${setting.alsoPossible}`;
  const cure = `remove it, or write \`${setting.fallback}\`${others}`;
  return [{ ...problem(name, `\`${value}\` is not possible: ${setting.notHere}`, cure), ...place }];
}

function cureFor({ type }: Setting, value: string): string {
  const cure = `write ${allowedText(type)}`;
  if (type.kind !== 'choice' && type.kind !== 'list') return cure;
  const wrong = value.split(',').find((word) => !type.values.includes(word.trim()));
  const near = wrong === undefined ? undefined : nearestWord(wrong.trim(), type.values);
  return near === undefined ? cure : `did you mean \`${near}\`? ${cure}`;
}

const isPossible = ({ fallback, possible }: Setting, value: string): boolean => value === fallback || possible?.test(value) === true;

/** The settings in force, by key. */
class Values {
  readonly #values: ReadonlyMap<string, string>;
  readonly #given = new Set<string>();

  constructor(sources: readonly Source[]) {
    const values = new Map(SETTINGS.map(({ key, fallback }) => [key, fallback]));
    for (const { given } of sources.toReversed()) {
      for (const { setting, value } of given) {
        values.set(setting.key, normalise(setting.type, value) ?? setting.fallback);
        this.#given.add(setting.key);
      }
    }
    this.#values = values;
  }

  text(key: string): string {
    const value = this.#values.get(key);
    if (value === undefined) throw new Error(`no setting ${key}`);
    return value;
  }
  /** The parts of a comma list. */
  list(key: string): string[] {
    const parts = this.text(key)
      .split(',')
      .map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }
  flag(key: string): boolean {
    return this.text(key) === 'true';
  }
  number(key: string): number {
    return Number(this.text(key));
  }
  posture(key: string): Posture {
    return this.text(key) === 'block' ? 'block' : 'audit';
  }
  isGiven(key: string): boolean {
    return this.#given.has(key);
  }
}

const isInPod = (env: ConfigInputs['env']): boolean => (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';

function kubeOf(values: Values, env: ConfigInputs['env']): KubeConfig | undefined {
  if (values.isGiven('k8s') ? !values.flag('k8s') : !isInPod(env)) return undefined;
  return {
    nodeName: values.text('nodeName'),
    namespace: values.text('namespace'),
    kubeconfig: values.text('kubeconfig') === '' ? undefined : values.text('kubeconfig'),
    initTimeoutMs: durationMs(values.text('initTimeout')) ?? 0,
    env,
  };
}

function build(values: Values, env: ConfigInputs['env']): AgentConfig {
  const kube = kubeOf(values, env);
  const runtimeSocket = values.text('criSocket').slice('unix://'.length);
  const visibility = values.text('visibility').split(',');
  return {
    kube,
    cluster: values.text('cluster'),
    host: values.text('host'),
    tcp: tcpOf(values),
    socket: values.text('socket'),
    logPath: values.text('logPath') === '' ? 'none' : values.text('logPath'),
    runtimeSocket: runtimeSocket === '' ? undefined : runtimeSocket,
    visibility: new Set(visibility.filter((word) => word !== 'none')),
    containerPolicies: values.flag('enableKubeArmorPolicy'),
    networkPolicies: values.flag('enableNetworkPolicyEnforcer'),
    ...hostOf(values, kube !== undefined),
    nodeLabels: labelsOf(values.list('nodeLabels')),
    runtimePrograms: values.list('runtimePrograms'),
    untrackedNamespaces: new Set(values.list('untrackedNs')),
    auditedNamespaces: new Set(values.list('auditedNs')),
    modeAnnotation: values.flag('modeAnnotation'),
    debug: values.flag('debug'),
    postures: posturesOf(values, 'default'),
    bpfFsPath: values.text('bpfFsPath'),
    machineIdPath: values.text('machineIDPath'),
    dropProcessResource: values.flag('dropResourceFromProcessLogs'),
    policyDir: values.text('policyDir'),
    stateDir: values.text('stateDir'),
    alertRingBytes: values.number('alertRingBytes'),
    startGate: values.text('startGate') === 'wait' ? 'wait' : 'open',
    proofEvery: values.number('proofEvery'),
    bpfObject: values.text('bpfObject') === '' ? undefined : values.text('bpfObject'),
  };
}

function posturesOf(values: Values, prefix: 'default' | 'hostDefault'): Postures {
  return {
    file: values.posture(`${prefix}FilePosture`),
    network: values.posture(`${prefix}NetworkPosture`),
    capabilities: values.posture(`${prefix}CapabilitiesPosture`),
  };
}

/** As for KubeArmor `default` means everything outside Kubernetes and nothing inside; nothing is told of a host without host policies. */
function hostOf(values: Values, inKubernetes: boolean): Pick<AgentConfig, 'hostPolicies' | 'hostPostures' | 'hostVisibility'> {
  const hostPolicies = values.flag('enableKubeArmorHostPolicy');
  const words = values.list('hostVisibility').flatMap((word) => (word !== 'default' ? [word] : inKubernetes ? [] : HOST_VISIBILITY));
  const hostVisibility = new Set(hostPolicies ? words.filter((word) => word !== 'none') : []);
  return { hostPolicies, hostPostures: posturesOf(values, 'hostDefault'), hostVisibility };
}

const HOST_VISIBILITY = ['process', 'file', 'network', 'capabilities'];

const labelsOf = (pairs: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pairs.map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]),
  );

/** TCP is served only where somebody names its port. */
function tcpOf(values: Values): TcpConfig | undefined {
  if (!values.isGiven('gRPC')) return undefined;
  const tlsCertPath = values.flag('tlsEnabled') ? values.text('tlsCertPath') : undefined;
  return { port: values.number('gRPC'), healthPort: values.number('gRPCHealthPort'), tlsCertPath };
}

/** What single values cannot show. */
function crossIssues(values: Values): Issue[] {
  const ring = values.number('alertRingBytes');
  const logPath = values.text('logPath');
  const checks: readonly (readonly [wrong: boolean, issue: Issue])[] = [
    ...tcpChecks(values),
    [(ring & (ring - 1)) !== 0, problem('alertRingBytes', `\`${ring}\` is no power of two`, `write ${2 ** Math.ceil(Math.log2(ring))}`)],
    [
      !['', 'none', 'stdout'].includes(logPath) && !logPath.startsWith('/'),
      problem('logPath', `\`${logPath}\` is no value for it`, 'write none, stdout or an absolute path'),
    ],
    [
      values.list('nodeLabels').some((pair) => !/^[^=]+=/.test(pair)),
      problem('nodeLabels', `\`${values.text('nodeLabels')}\` is no value for it`, 'write key=value,key=value'),
    ],
    [
      values.list('runtimePrograms').some((word) => !word.startsWith('/')),
      problem('runtimePrograms', `\`${values.text('runtimePrograms')}\` is no value for it`, 'write absolute paths'),
    ],
    [
      Buffer.byteLength(values.text('socket')) > SOCKET_PATH_MAX,
      problem('socket', `is longer than ${SOCKET_PATH_MAX} bytes`, 'choose a shorter path'),
    ],
  ];
  return checks.flatMap(([wrong, issue]) => (wrong ? [issue] : []));
}

function tcpChecks(values: Values): [boolean, Issue][] {
  const [tcp, tls, insecure] = [values.isGiven('gRPC'), values.flag('tlsEnabled'), values.flag('grpcInsecure')];
  const tcpCure = `remove it (the API is at ${values.text('socket')}), set tlsEnabled, or set grpcInsecure for plaintext on loopback`;
  const selfCure = 'write `external`, and put ca.crt, server.crt and server.key into tlsCertPath';
  return [
    [tcp && !tls && !insecure, problem('gRPC', 'asks for TCP, and TCP needs TLS', tcpCure)],
    [
      !tcp && (tls || insecure),
      problem(tls ? 'tlsEnabled' : 'grpcInsecure', 'has no TCP port to act on', 'set gRPC too, for example -gRPC=32767'),
    ],
    [tls && insecure, problem('grpcInsecure', 'contradicts tlsEnabled', 'keep one of them')],
    [
      tls && values.text('tlsCertProvider') === 'self',
      problem('tlsCertProvider', '`self` would keep the private key of the CA on every node', selfCure),
    ],
  ];
}

/** `sun_path` with its final zero. @source unix(7) */
const SOCKET_PATH_MAX = 107;

/** What `--help` prints. */
export function helpText(): string {
  const lines = SETTINGS.filter(({ notHere }) => notHere === undefined).map(
    ({ key, alias, fallback, meaning, env, type }) =>
      `  -${key}${alias === undefined ? '' : `, -${alias}`}\n      ${meaning}\n      ${allowedText(type)}; default ${fallback === '' ? '(empty)' : fallback}; environment ${env.join(', ')}`,
  );
  const later = SETTINGS.filter(({ notHere }) => notHere !== undefined).map(({ key, alsoPossible }) =>
    alsoPossible === undefined ? key : `${key} (also ${alsoPossible})`,
  );
  return `kubearmor [-flag=value ...]: the node agent. Needs root.
kubearmor -remove [-yes] [-flag=value ...]: ends what an agent that is stopped left in force; without -yes it only says what that is.

A flag counts before the environment, that before kubearmor.yaml ($KUBEARMOR_CFG, else ./kubearmor.yaml), that before the default.
A value follows its flag, -key value or -key=value; that of a boolean only as -key=value, and -key alone means true.

${lines.join('\n')}

Known, and for now possible at their defaults only: ${later.join(', ')}
`;
}
