// SPDX-License-Identifier: Apache-2.0
import { NAMES } from '#cluster';
import type { KubeObject } from '#k8s';
import { agentTolerations, componentOf, imageFields, placement, PROBE_TIMEOUT_S, startupProbe } from './installation.ts';
import type { Installation } from './installation.ts';
import { KINDS } from './kinds.ts';
import { objectOf, podLabels } from './object.ts';
import { shapeLabels } from './shapes.ts';
import type { NodeShape } from './shapes.ts';
import { tlsVolume } from './tls-volume.ts';

/** @source docs/reference/agent-pod.md, which has the reason of each */
const CAPABILITIES = ['SYS_ADMIN', 'SYS_PTRACE', 'SYS_RESOURCE', 'DAC_READ_SEARCH', 'DAC_OVERRIDE', 'KILL'];
const GRPC_PORT = 32_767;

interface HostMount {
  readonly name: string;
  readonly path: string;
  readonly type?: 'Directory' | 'DirectoryOrCreate' | 'File';
  readonly writable?: boolean;
  readonly propagated?: boolean;
}

/** Each at the same path in the pod; docs/reference/agent-pod.md says what for. */
function hostMounts({ socket }: NodeShape): readonly HostMount[] {
  return [
    { name: 'bpf-fs', path: '/sys/fs/bpf', type: 'Directory', writable: true, propagated: true },
    { name: 'cgroup', path: '/sys/fs/cgroup', type: 'Directory', writable: true },
    { name: 'security-fs', path: '/sys/kernel/security', type: 'Directory' },
    // The folder and not the socket: a runtime that starts again makes a new one.
    { name: 'runtime', path: socket.slice(0, socket.lastIndexOf('/')), type: 'Directory' },
    { name: 'state', path: '/run/kubearmor', type: 'DirectoryOrCreate', writable: true },
    { name: 'machine-id', path: '/etc/machine-id', type: 'File' },
  ];
}

/** The label by which DaemonSets of several shapes tell their pods apart; its value is the DaemonSet's name. */
const SHAPE = 'kubearmor.io/shape';

function labelsOfPod(name: string): Readonly<Record<string, string>> {
  return { ...podLabels('kubearmor-operator', NAMES.agent), [SHAPE]: name };
}

/** The container of the agent's image on a node, whatever it is to do there. */
function container(installation: Installation, shape: NodeShape, args: readonly string[]): object {
  const component = componentOf(installation, 'agent');
  const mounts = hostMounts(shape).map(({ name, path, writable, propagated }) => ({
    name,
    mountPath: path,
    ...(writable === true ? {} : { readOnly: true }),
    ...(propagated === true ? { mountPropagation: 'HostToContainer' } : {}),
  }));
  const fromField = (fieldPath: string): object => ({ fieldRef: { apiVersion: 'v1', fieldPath } });
  return {
    ...imageFields(component),
    args,
    env: [
      { name: 'KUBEARMOR_NODENAME', valueFrom: fromField('spec.nodeName') },
      { name: 'KUBEARMOR_NAMESPACE', valueFrom: fromField('metadata.namespace') },
      ...component.env,
    ],
    securityContext: {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsNonRoot: false,
      capabilities: { drop: ['ALL'], add: CAPABILITIES },
      // The runtime's own profile allows bpf, setns and mount to who has SYS_ADMIN (containerd, contrib/seccomp).
      seccompProfile: { type: installation.config.seccomp ? 'RuntimeDefault' : 'Unconfined' },
    },
    volumeMounts: [...mounts, { name: 'tmp', mountPath: '/tmp' }],
  };
}

function podSpec(installation: Installation, shape: NodeShape): object {
  const component = componentOf(installation, 'agent');
  const volumes = hostMounts(shape).map(({ name, path, type }) => ({ name, hostPath: { path, ...(type === undefined ? {} : { type }) } }));
  return {
    serviceAccountName: NAMES.agent,
    // Whose task it is, is told in the host's numbers.
    hostPID: true,
    priorityClassName: 'system-node-critical',
    ...placement({ ...component, tolerations: agentTolerations(installation) }, shapeLabels(shape)),
    volumes: [...volumes, { name: 'tmp', emptyDir: {} }],
  };
}

const annotations = {
  // Before Kubernetes 1.30 there is no field for it; the runtime's own profile denies mount and /proc of others.
  'container.apparmor.security.beta.kubernetes.io/kubearmor': 'unconfined',
};

/** The agents of the nodes of one shape. */
export function agentDaemonSet(installation: Installation, shape: NodeShape): KubeObject {
  const { namespace } = installation;
  const labels = labelsOfPod(shape.name);
  const { args } = componentOf(installation, 'agent');
  const written = ['-k8s=true', `-gRPC=${GRPC_PORT}`, '-tlsEnabled=true', `-criSocket=unix://${shape.socket}`, ...args];
  const { volumeMounts, ...agent } = container(installation, shape, written) as { volumeMounts: readonly object[] };
  const { volumes, ...pod } = podSpec(installation, shape) as { volumes: readonly object[] };
  const tls = tlsVolume({ server: NAMES.agentSecret });
  return objectOf(
    KINDS.daemonSets,
    { name: shape.name, namespace, labels },
    {
      spec: {
        selector: { matchLabels: { [SHAPE]: shape.name } },
        // Rules outlive an agent, so nodes stay protected while theirs is replaced.
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%' } },
        template: {
          metadata: { labels, annotations },
          spec: {
            ...pod,
            terminationGracePeriodSeconds: 30,
            containers: [
              {
                name: 'kubearmor',
                ...agent,
                ports: [{ name: 'grpc', containerPort: GRPC_PORT, protocol: 'TCP' }],
                // One that waits for itself at the start gate, where its pod was replaced by force, is started again when the gate has opened.
                startupProbe: startupProbe({ tcpSocket: { port: 'grpc' } }),
                // Listens when rules are in force; the health service on loopback is out of the kubelet's reach.
                readinessProbe: { tcpSocket: { port: 'grpc' }, periodSeconds: 5, timeoutSeconds: PROBE_TIMEOUT_S },
                resources: { requests: { cpu: '20m', memory: '128Mi' } },
                volumeMounts: [...volumeMounts, tls.mount],
              },
            ],
            volumes: [...volumes, tls.volume],
          },
        },
      },
    },
  );
}

/**
 * What ends enforcement on the nodes of one shape once their agents are gone: rules outlive an agent. A node is done when its pod is ready.
 * The agent's image has no shell; Node waits there.
 */
export function removerDaemonSet(installation: Installation, shape: NodeShape): KubeObject {
  const { namespace } = installation;
  const name = `${shape.name}-remove`;
  // Not the label by which the relay, and whoever looks for enforcers, finds agents.
  const labels = { ...podLabels('kubearmor-operator', 'kubearmor-remover'), [SHAPE]: name };
  const remove = container(installation, shape, ['-remove', '-yes']);
  const { image, imagePullPolicy } = remove as { image: string; imagePullPolicy: string };
  return objectOf(
    KINDS.daemonSets,
    { name, namespace, labels },
    {
      spec: {
        selector: { matchLabels: { [SHAPE]: name } },
        template: {
          metadata: { labels, annotations },
          spec: {
            ...podSpec(installation, shape),
            // It asks the API server nothing.
            automountServiceAccountToken: false,
            terminationGracePeriodSeconds: 1,
            initContainers: [{ name: 'kubearmor', ...remove }],
            containers: [
              {
                name: 'done',
                image,
                imagePullPolicy,
                command: ['/opt/kubearmor/lib/node', '-e', 'setInterval(() => {}, 1e9)'],
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  runAsUser: 65_532,
                  capabilities: { drop: ['ALL'] },
                },
              },
            ],
          },
        },
      },
    },
  );
}
