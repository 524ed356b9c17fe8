// SPDX-License-Identifier: Apache-2.0
import type { KubeApi, KubeApiOptions } from '#k8s';
import { until } from '../../vm/running.ts';
import type { ControlPlane } from '../control-plane.ts';
import { configureWebhooks, freePort, install, Replica } from '../controller-install.ts';
import type { Plane } from '../controller-install.ts';
import { CuttingProxy } from '../cutting-proxy.ts';
import { CONFIG_MAPS, configMap } from '../suite.ts';
import type { Scale } from '../suite.ts';
import { SeenClients } from './seen-clients.ts';
import type { Stage } from './stage.ts';

/** Watches are tried again every 30 s at the latest, the Lease is renewed every 15 s, the report and the status written within seconds. */
const CONVERGE_MS = 90_000;
const FULL = { faultMs: 300_000, cutEveryMs: 10_000 } as const;
const SHORT = { faultMs: 10_000, cutEveryMs: 1_500 } as const;

/** A real API server, with a proxy between it and the programs. */
export class PlaneStage implements Stage, AsyncDisposable {
  readonly api: KubeApi & Disposable;
  readonly far: KubeApi & Disposable;
  readonly faultMs: number;
  readonly cutEveryMs: number;
  readonly convergeMs = CONVERGE_MS;
  readonly isSlow = true;
  readonly plane: ControlPlane;
  /** Of the programs. */
  readonly seen = new SeenClients();
  readonly #proxy: CuttingProxy;

  protected constructor(plane: ControlPlane, proxy: CuttingProxy, { full }: Scale) {
    this.plane = plane;
    this.#proxy = proxy;
    this.api = plane.api();
    this.far = this.#farApi();
    const { faultMs, cutEveryMs } = full ? FULL : SHORT;
    this.faultMs = faultMs;
    this.cutEveryMs = cutEveryMs;
  }

  static async open(plane: ControlPlane, scale: Scale): Promise<PlaneStage> {
    const stage = new this(plane, await CuttingProxy.open(plane.apiPort), scale);
    await install(stage.api);
    return stage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.api[Symbol.dispose]();
    this.far[Symbol.dispose]();
    await this.#proxy[Symbol.asyncDispose]();
  }

  async goAway(): Promise<void> {
    await this.plane.apiServer.kill();
  }

  async comeBack(): Promise<void> {
    await this.plane.startApiServer();
  }

  cut(): void {
    this.#proxy.cut();
  }

  /** Connections are refused until the programs' watches are lost. */
  async loseWatches(areLost: () => boolean): Promise<void> {
    this.#proxy.refuse();
    this.#proxy.cut();
    try {
      await until('the watches are lost', areLost);
    } finally {
      this.#proxy.pass();
    }
  }

  /** How patient the programs' clients are. */
  get farOptions(): Partial<KubeApiOptions> {
    return {};
  }

  #farApi(options: Parameters<Plane['api']>[0] = {}): KubeApi & Disposable {
    return this.seen.through(this.plane.api({ ...options, ...this.farOptions, port: this.#proxy.port }));
  }

  async forget(write: () => Promise<void>): Promise<void> {
    this.#proxy.hold();
    this.#proxy.cut();
    await until('the watches come back', () => this.#proxy.holding > 0);
    await write();
    // An API server that starts anew remembers nothing of before, and etcd neither.
    await this.plane.compact();
    await this.goAway();
    await this.comeBack();
    this.#proxy.pass();
  }

  /** The API server asks it past the proxy. */
  async startController(holder: string): Promise<Replica> {
    const port = await freePort();
    const far: Plane = {
      api: (options) => this.#farApi(options),
      kubectl: (...args) => this.plane.kubectl(...args),
    };
    const replica = new Replica(far, holder, port);
    await configureWebhooks(this.api, port);
    return replica;
  }
}

/** What is away is etcd: the API server is there, and takes no write. */
export class EtcdStage extends PlaneStage {
  override async goAway(): Promise<void> {
    await this.plane.etcd.kill();
  }

  override async comeBack(): Promise<void> {
    this.plane.etcd.start();
    const isBack = (): Promise<boolean> =>
      this.api.apply(CONFIG_MAPS, configMap('kubearmor', 'etcd-is-back'), { fieldManager: 'test' }).then(
        () => true,
        () => false,
      );
    await until('writes are taken again', isBack);
  }
}

/** etcd is away for a moment only. */
export class EtcdBlinkStage extends EtcdStage {
  /** An API server without etcd keeps who asks waiting; who gives up soon sees an error before the Lease of who leads has run out. */
  override get farOptions(): Partial<KubeApiOptions> {
    return { timeoutMs: 1_500, tries: 1 };
  }
}
