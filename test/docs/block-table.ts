// SPDX-License-Identifier: Apache-2.0

/** How a block of `sh` is run. */
export type BlockRun =
  | {
      /** By this test: line by line in a folder of its own, with `karmor`, `./karmor` and `examples/` in it, without root and agent. */
      readonly run: 'here';
      /** What each line may exit with; a line that is not named with 0. */
      readonly exits?: Readonly<Record<number, readonly number[]>>;
      /** Files that the block speaks of: a text, or `PAGE#NAME`, the document that the page shows, or a file of the repository. */
      readonly files?: Readonly<Record<string, { readonly text: string } | { readonly shown: string } | { readonly copy: string }>>;
    }
  | {
      /** By another suite, which does the same with its own names. Here only: every line is one that the programs take. */
      readonly run: 'guest' | 'cluster' | 'hybrid' | 'release' | 'machine';
      /** The suite. */
      readonly by: string;
    };

const HYBRID = { run: 'hybrid', by: 'test/hybrid/tutorial.ts' } as const;
/** Line by line, as they stand. */
const PLAYED = { run: 'hybrid', by: 'test/hybrid/play-page.ts' } as const;
const AGENT = { run: 'guest', by: 'demo/exercise.sh' } as const;
const POLICIES = { copy: 'examples/policies/read-only-config.yaml' } as const;
const NO_SHELL = { shown: 'docs/guide/getting-started.md#no-shell.yaml' } as const;
const SUITE = { text: 'policies: [no-shell.yaml]\nworkload: {labels: {app: web}}\ntests:\n  - {exec: /bin/sh, expect: denied}\n' } as const;

/** Every block of the pages, by its page and its first line. A block that is not here fails the test. */
export const BLOCKS: Readonly<Record<string, BlockRun>> = {
  'README.md: make demo': { run: 'machine', by: 'tools/clean-machine' },
  'README.md: karmor install --wait': HYBRID,
  'README.md: make build': AGENT,
  'README.md: ./karmor policy lint policies/': {
    run: 'here',
    files: {
      'policies/a.yaml': POLICIES,
      'no-shell.yaml': NO_SHELL,
      'tests.yaml': SUITE,
      'old/a.yaml': { copy: 'examples/policies/audit-etc-writes.yaml' },
      'new/a.yaml': POLICIES,
    },
    exits: { 2: [1], 3: [1] }, // denied; a verdict changes
  },
  'docs/guide/getting-started-kubernetes.md: kubectl wait --for=condition=Available kubearmorconfig/kubearmorconfig-default -n kubearmor --timeout=5m':
    PLAYED,
  'docs/guide/getting-started-kubernetes.md: kubectl create namespace shop': PLAYED,
  'docs/guide/getting-started-kubernetes.md: karmor policy check examples/policies/block-shells.yaml': PLAYED,
  'docs/guide/getting-started-kubernetes.md: karmor logs -n shop': PLAYED,
  "docs/guide/getting-started-kubernetes.md: kubectl exec -n shop deploy/web -- sh -c 'echo hello'": PLAYED,
  'docs/guide/getting-started-kubernetes.md: karmor policy status -n shop': PLAYED,
  'docs/guide/getting-started-kubernetes.md: kubectl delete -f examples/policies/block-shells.yaml': PLAYED,
  'docs/guide/getting-started.md: make build': { run: 'machine', by: 'tools/clean-machine' },
  'docs/guide/getting-started.md: sudo ./kubearmor': AGENT,
  'docs/guide/getting-started.md: sudo ./kubearmor -remove': { run: 'guest', by: 'test/vm/cases/starts.ts' },
  'docs/guide/getting-started.md: ./karmor policy check no-shell.yaml': { run: 'here', files: { 'no-shell.yaml': NO_SHELL } },
  'docs/guide/getting-started.md: sudo ./karmor vm policy add no-shell.yaml': AGENT,
  'docs/guide/getting-started.md: sudo ./karmor vm policy list': AGENT,
  'docs/guide/getting-started.md: sudo ./karmor logs': AGENT,
  "docs/guide/getting-started.md: sudo ctr task exec --exec-id t1 web /bin/sh -c 'echo hello'": AGENT,
  'docs/guide/getting-started.md: sudo ./karmor logs --logFilter=all --json': AGENT,
  'docs/guide/getting-started.md: sudo ./karmor vm policy add --confirm 60s lock-down.yaml': { run: 'guest', by: 'test/vm/cases/host.ts' },
  'docs/guide/install.md: tools/node tools/release/site.ts --at https://releases.example.com': { run: 'hybrid', by: 'test/hybrid/demo.ts' },
  'docs/guide/install.md: curl -sfL RELEASES/v1.2.3/install.sh | sudo sh -s -- -u RELEASES -b /usr/local/bin v1.2.3': {
    run: 'release',
    by: 'tools/release/install.test.ts',
  },
  'docs/guide/install.md: npm install -g ./kubearmor-karmor-1.2.3.tgz': { run: 'release', by: 'tools/release/check.sh' },
  'docs/guide/install.md: sudo karmor install --nonk8s --from RELEASES --wait': { run: 'release', by: 'tools/release/check-deb.sh' },
  'docs/guide/install.md: sudo apt-get install ./kubearmor_1.2.3_linux-amd64.deb': { run: 'release', by: 'tools/release/check-deb.sh' },
  'docs/guide/install.md: ar p kubearmor_1.2.3_linux-amd64.deb data.tar.zst | zstd -d | sudo tar -x --no-same-owner -C /': {
    run: 'release',
    by: 'tools/release/check-deb.sh',
  },
  'docs/guide/install.md: ctr -n k8s.io image import kubearmor-images_1.2.3_linux_amd64.tar': {
    run: 'release',
    by: 'tools/release/check.sh',
  },
  'docs/guide/install.md: kubectl apply --server-side -f kubearmor-operator.yaml': { run: 'cluster', by: 'test/cluster/operator.kube.ts' },
  'docs/guide/install.md: karmor install --wait': { run: 'cluster', by: 'test/cluster/karmor-install.kube.ts' },
  'docs/guide/install.md: helm repo add kubearmor RELEASES/v1.2.3': { run: 'release', by: 'tools/release/charts.test.ts' },
  'docs/guide/install.md: kubectl annotate kubearmorconfig -n kubearmor kubearmorconfig-default kubearmor.io/take-over=true': PLAYED,
  'docs/guide/install.md: kubectl label nodes --all kubearmor.io/enforcer- kubearmor.io/runtime- kubearmor.io/socket- kubearmor.io/btf- kubearmor.io/securityfs-':
    {
      run: 'cluster',
      by: 'test/cluster/install-ways.kube.ts',
    },
  'docs/guide/migrate.md: karmor migrate --backup before.json': PLAYED,
  'docs/guide/migrate.md: karmor migrate --check cluster': PLAYED,
  'docs/guide/migrate.md: karmor install --dry-run': { run: 'cluster', by: 'test/cluster/migrate.kube.ts' },
  'docs/guide/migrate.md: karmor probe': { run: 'cluster', by: 'test/cluster/karmor.kube.ts' },
  'docs/guide/migrate.md: karmor migrate --restore before.json --dry-run': { run: 'cluster', by: 'test/cluster/karmor.kube.ts' },
  'docs/guide/operations.md: sudo karmor probe': AGENT,
  'docs/guide/operations.md: kubectl get ksp,csp,hsp,nsp -A': PLAYED,
  'docs/guide/operations.md: karmor probe': PLAYED,
  'docs/guide/operations.md: sudo karmor upgrade --nonk8s --from RELEASES': { run: 'release', by: 'tools/release/check-deb.sh' },
  'docs/guide/operations.md: kubectl get ksp,csp,hsp,nsp -A -o yaml > policies.yaml': PLAYED,
  'docs/guide/operations.md: sudo systemctl stop kubearmor': { run: 'release', by: 'tools/release/check-deb.sh' },
  'docs/guide/policy-tests.md: karmor policy test tests/': {
    run: 'here',
    files: { 'tests/a.yaml': SUITE, 'tests/no-shell.yaml': NO_SHELL },
  },
  'docs/guide/policy-tests.md: karmor probe -o json > node1.json': {
    run: 'here',
    files: { 'policies/a.yaml': POLICIES },
    exits: { 0: [0, 1, 3], 1: [0, 1] }, // as this machine is
  },
  'docs/guide/recipes.md: karmor policy check examples/policies/block-shells.yaml': { run: 'here', exits: { 3: [1] } },
  'docs/guide/recipes.md: karmor explain examples/policies/web-server-allow-list.yaml --exec /usr/sbin/nginx': {
    run: 'here',
    exits: { 1: [1] },
  },
  'docs/guide/recipes.md: karmor policy check --sarif check.sarif examples/policies/': { run: 'here' },
  'examples/README.md: karmor policy check examples/policies/': { run: 'here' },
};
