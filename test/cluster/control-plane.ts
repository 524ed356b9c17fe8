// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconfigTextAccess, openKubeApi } from '#k8s';
import type { KubeApi, KubeApiOptions } from '#k8s';
import { run, until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import { Pki } from './pki.ts';
import { freePorts, Program } from './program.ts';

export interface ControlPlaneOptions {
  /** Makes service accounts, ends namespaces, collects what owners leave. Default: not started. */
  readonly controllerManager?: boolean;
  /** Default: not started; pods stay pending. */
  readonly scheduler?: boolean;
  /** Default: only this machine's loopback reaches the API server, and it no node. */
  readonly network?: ControlPlaneNetwork;
  /** Puts files for the API server into the plane's folder; gives its flags for them. */
  readonly prepare?: (folder: string) => readonly string[];
}

/** Where nodes and their pods reach the API server, and it their kubelets. */
export interface ControlPlaneNetwork {
  /** Of this machine. */
  readonly address: string;
}

/** Who a client is to the API server. */
export interface User {
  readonly name: string;
  readonly group?: string;
}

export const ADMIN: User = { name: 'admin', group: 'system:masters' };

const HOST = '127.0.0.1';
/** Of Services; the first is the API server's. */
const SERVICE_RANGE = '10.0.0.0/24';
const SERVICE_ADDRESS = '10.0.0.1';
/** What ends is told at once; this is for a machine that others use wholly. */
const START_MS = 600_000;

/**
 * etcd and kube-apiserver on loopback, with their own certificates, in a folder of its own; controller manager and scheduler if wanted.
 * Everything ends with it, or with this process.
 */
export class ControlPlane implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'control-plane-'));
  readonly pki: Pki;
  /** Of the administrator; `kubeconfigOf` makes others. */
  readonly kubeconfigPath: string;
  readonly apiPort: number;
  readonly apiServer: Program;
  readonly etcd: Program;
  readonly #bin: string;
  readonly #others: Program[] = [];
  readonly #etcdPort: number;
  readonly #users = new Map<string, string>();

  private constructor(bin: string, ports: readonly number[], options: ControlPlaneOptions) {
    const [etcdPort = 0, peerPort = 0, apiPort = 0] = ports;
    this.#bin = bin;
    this.#etcdPort = etcdPort;
    this.apiPort = apiPort;
    mkdirSync(join(this.folder, 'pki'));
    this.pki = new Pki(join(this.folder, 'pki'));
    const addresses = [HOST, SERVICE_ADDRESS, ...(options.network === undefined ? [] : [options.network.address])].map(
      (one) => `IP:${one}`,
    );
    this.pki.server('apiserver', [...addresses, 'DNS:localhost', 'DNS:kubernetes.default.svc']);
    this.kubeconfigPath = this.kubeconfigOf(ADMIN);
    this.etcd = this.#program('etcd', etcdFlags(join(this.folder, 'etcd'), etcdPort, peerPort));
    this.apiServer = this.#program('kube-apiserver', [...this.#apiServerFlags(options), ...(options.prepare?.(this.folder) ?? [])]);
  }

  /**
   * Starts one and waits until it is ready: 3 to 10 s where the machine is idle.
   *
   * @param bin the folder that tools/kube/build prints
   * @throws {Error} with the end of the log of what did not start
   */
  static async start(bin: string, options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const plane = new ControlPlane(bin, await freePorts(3), options);
    try {
      plane.etcd.start();
      await plane.startApiServer();
      if (options.controllerManager === true) plane.#startController('kube-controller-manager', plane.#controllerFlags());
      if (options.scheduler === true) plane.#startController('kube-scheduler', []);
      return plane;
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [...this.#others, this.apiServer, this.etcd]) await program.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Starts the API server, again if it was killed, and waits until it is ready. */
  async startApiServer(): Promise<void> {
    this.apiServer.start();
    await until(
      'the API server is ready',
      async () => {
        this.etcd.assertRunning();
        this.apiServer.assertRunning();
        return this.#isReady();
      },
      START_MS,
    );
  }

  /** A client of the API server. @param port of something in front of it */
  api(options: Partial<KubeApiOptions> & { readonly user?: User; readonly port?: number } = {}): KubeApi & Disposable {
    const { user = ADMIN, port = this.apiPort, ...rest } = options;
    const access = kubeconfigTextAccess(this.#kubeconfigText(user, port), this.folder);
    return openKubeApi({ access, userAgent: 'kubearmor-test', ...rest });
  }

  /** The path of a kubeconfig with a certificate of this user. */
  kubeconfigOf(user: User, host = HOST): string {
    const path = join(this.folder, `${user.name.replaceAll(':', '-')}.kubeconfig`);
    writeFileSync(path, this.#kubeconfigText(user, this.apiPort, host), { mode: 0o600 });
    return path;
  }

  kubectl(...args: readonly string[]): Promise<Ran> {
    return run(join(this.#bin, 'kubectl'), `--kubeconfig=${this.kubeconfigPath}`, '--request-timeout=30s', ...args);
  }

  /** Makes etcd forget all versions but the newest of each object. */
  async compact(): Promise<void> {
    const post = async (path: string, body: unknown): Promise<string> => {
      const answer = await fetch(`http://${HOST}:${this.#etcdPort}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`etcd: ${path}: ${text}`);
      return text;
    };
    const revision = /"revision":"(\d+)"/.exec(await post('range', { key: Buffer.from('x').toString('base64') }))?.[1];
    await post('compaction', { revision, physical: true });
  }

  #isReady(): Promise<boolean> {
    const file = this.#certificateOf(ADMIN);
    const [ca, cert, key] = [this.pki.read('ca.crt'), this.pki.read(`${file}.crt`), this.pki.read(`${file}.key`)];
    return new Promise((resolve) => {
      const asked = get({ host: HOST, port: this.apiPort, path: '/readyz', ca, cert, key, agent: false, timeout: 5_000 }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(false));
    });
  }

  #program(name: string, args: readonly string[]): Program {
    return new Program(join(this.#bin, name), args, join(this.folder, `${name}.log`));
  }

  #apiServerFlags({ controllerManager = false, network }: ControlPlaneOptions): string[] {
    const pki = (name: string): string => this.pki.path(name);
    return [
      `--etcd-servers=http://${HOST}:${this.#etcdPort}`,
      ...(network === undefined ? LOOPBACK_FLAGS : this.#networkFlags(network)),
      `--secure-port=${this.apiPort}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--client-ca-file=${pki('ca.crt')}`,
      `--service-account-key-file=${pki('sa.key')}`,
      `--service-account-signing-key-file=${pki('sa.key')}`,
      `--service-account-issuer=https://${HOST}:${this.apiPort}/`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--allow-privileged=true',
      // Nobody makes the service accounts that it would ask for.
      ...(controllerManager ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ];
  }

  #networkFlags({ address }: ControlPlaneNetwork): string[] {
    const file = this.#certificateOf(ADMIN);
    return [
      '--bind-address=0.0.0.0',
      `--advertise-address=${address}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      // Pods of webhooks are asked at their own addresses: this machine routes no Service.
      '--enable-aggregator-routing=true',
      `--kubelet-client-certificate=${this.pki.path(`${file}.crt`)}`,
      `--kubelet-client-key=${this.pki.path(`${file}.key`)}`,
      `--kubelet-certificate-authority=${this.pki.path('ca.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
    ];
  }

  #controllerFlags(): string[] {
    return [
      `--service-account-private-key-file=${this.pki.path('sa.key')}`,
      `--root-ca-file=${this.pki.path('ca.crt')}`,
      '--use-service-account-credentials',
      // An emulated node can be silent for minutes, and is no reason to end its pods.
      '--node-monitor-grace-period=20m',
    ];
  }

  #startController(name: string, flags: readonly string[]): void {
    const kubeconfig = this.kubeconfigOf({ name: `system:${name}` });
    const access = [`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`];
    const program = this.#program(name, [...access, '--leader-elect=false', `--bind-address=${HOST}`, '--secure-port=0', ...flags]);
    program.start();
    this.#others.push(program);
  }

  #kubeconfigText(user: User, port: number, host = HOST): string {
    const file = this.#certificateOf(user);
    const data = (name: string): string => Buffer.from(this.pki.read(name)).toString('base64');
    return `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://${host}:${port}", certificate-authority-data: ${data('ca.crt')}}}]
users: [{name: u, user: {client-certificate-data: ${data(`${file}.crt`)}, client-key-data: ${data(`${file}.key`)}}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;
  }

  #certificateOf({ name, group }: User): string {
    const known = this.#users.get(`${name} ${group}`);
    if (known !== undefined) return known;
    const file = `client-${this.#users.size}`;
    this.pki.client(file, name, group);
    this.#users.set(`${name} ${group}`, file);
    return file;
  }
}

const LOOPBACK_FLAGS: readonly string[] = [
  `--bind-address=${HOST}`,
  `--advertise-address=${HOST}`,
  '--authorization-mode=RBAC',
  '--endpoint-reconciler-type=none',
];

function etcdFlags(folder: string, port: number, peerPort: number): string[] {
  const [client, peer] = [`http://${HOST}:${port}`, `http://${HOST}:${peerPort}`];
  return [
    '--name=default',
    `--data-dir=${folder}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
  ];
}
