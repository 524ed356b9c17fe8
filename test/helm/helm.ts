// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { run } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import { ChartSite } from './chart-site.ts';

const BUILD = join(import.meta.dirname, '../../tools/helm/build');
/** Without a suffix: Helm takes no other version unless asked to. */
const VERSION = '1.2.3';

/** Helm itself (tools/helm/build), with a home of its own and the charts of this tree on loopback. */
export class Helm implements AsyncDisposable {
  readonly version = VERSION;
  /** Where the charts lie unpacked, each in a folder of its name. */
  readonly charts: string;
  readonly #folder: string;
  readonly #kubeconfig: string;
  readonly #site: ChartSite;
  readonly #program: string;

  private constructor(folder: string, kubeconfig: string, site: ChartSite) {
    this.#folder = folder;
    this.charts = join(folder, 'charts');
    this.#kubeconfig = kubeconfig;
    this.#site = site;
    this.#program = join(execFileSync(BUILD, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim(), 'helm');
  }

  /**
   * @param folder is there, and is for this alone
   * @param kubeconfig of the cluster; /dev/null where none is asked
   */
  static async open(folder: string, kubeconfig = '/dev/null'): Promise<Helm> {
    return new Helm(folder, kubeconfig, await ChartSite.open(join(folder, 'charts'), VERSION));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#site[Symbol.asyncDispose]();
  }

  call(...args: readonly string[]): Promise<Ran> {
    const homes = ['CACHE', 'CONFIG', 'DATA'].map((home) => `HELM_${home}_HOME=${join(this.#folder, home)}`);
    return run('env', `KUBECONFIG=${this.#kubeconfig}`, ...homes, this.#program, ...args);
  }

  /** The same where it has to go well. @returns what it said */
  async mustCall(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.call(...args);
    assert.equal(code, 0, `helm ${args.join(' ')}: ${output}`);
    return output;
  }

  /** As the pages say: `helm repo add kubearmor URL`, `helm repo update`. */
  async addRepo(): Promise<void> {
    await this.mustCall('repo', 'add', 'kubearmor', this.#site.url);
    await this.mustCall('repo', 'update');
  }
}
