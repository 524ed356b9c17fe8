// SPDX-License-Identifier: Apache-2.0
// What the wiki's reader types, as the page has it, with an installation in kube-system. Where the page has <…> there is a name.

export const POD = 'my-app';
export const SPACE = 'production';
export const POLICY = 'block-shell';

/** The page's "Basic Policy Structure". */
const BLOCK_SHELL = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: ${POLICY}
  namespace: ${SPACE}
spec:
  selector:
    matchLabels:
      app: my-app
  process:
    matchPaths:
    - path: /bin/sh
      action: Block
    - path: /bin/bash
      action: Block
  file:
    matchPaths:
    - path: /etc/passwd
      action: Block`;

export const WIKI = {
  apply: `kubectl apply -f - <<EOF\n${BLOCK_SHELL}\nEOF`,
  status: {
    pods: 'kubectl get pods -n kube-system | grep kubearmor',
    logs: 'kubectl logs -n kube-system -l app=kubearmor',
  },
  policies: 'kubectl get kubearmorpolicies --all-namespaces',
  describe: `kubectl describe kubearmorpolicy ${POLICY} -n ${SPACE}`,
  blocked: 'kubectl logs -n kube-system -l app=kubearmor | grep Blocked',
  test: `kubectl exec -it ${POD} -n ${SPACE} -- /bin/sh`,
} as const;
