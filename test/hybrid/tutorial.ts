// SPDX-License-Identifier: Apache-2.0
// What the tutorial's reader types, as the page has it: how to install, and "Hands-On Exercise: Secure a Web Application". Only the hosts
// are others, and nobody needs sudo.
import { RELEASES } from './outside.ts';

export const NAMESPACE = 'kubearmor-demo';

const WEB_APP = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-app
spec:
  replicas: 1
  selector:
    matchLabels:
      app: web-app
  template:
    metadata:
      labels:
        app: web-app
    spec:
      containers:
        - name: nginx
          image: nginx:alpine
          ports:
            - containerPort: 80
---
apiVersion: v1
kind: Service
metadata:
  name: web-app
spec:
  selector:
    app: web-app
  ports:
    - port: 80`;

const policy = (name: string, rules: string): string => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: ${name}
  namespace: ${NAMESPACE}
spec:
  selector:
    matchLabels:
      app: web-app

${rules}`;

const AUDIT = policy(
  'web-app-audit',
  `  process:
    matchPaths:
      - path: /bin/sh
        action: Audit
      - path: /bin/bash
        action: Audit
      - path: /usr/bin/wget
        action: Audit

  file:
    matchDirectories:
      - dir: /etc/
        recursive: true
        action: Audit`,
);

const HARDENED = policy(
  'web-app-hardened',
  `  process:
    matchPaths:
      - path: /usr/sbin/nginx
        action: Allow
    matchDirectories:
      - dir: /
        recursive: true
        action: Block

  file:
    matchDirectories:
      - dir: /etc/nginx/
        recursive: true
        readOnly: true
        action: Allow
      - dir: /var/log/nginx/
        action: Allow
      - dir: /var/cache/nginx/
        action: Allow
      - dir: /usr/share/nginx/html/
        readOnly: true
        action: Allow
    matchPaths:
      - path: /etc/passwd
        readOnly: true
        action: Allow
      - path: /etc/group
        readOnly: true
        action: Allow`,
);

const fed = (command: string, text: string): string => `${command} <<EOF\n${text}\nEOF`;
const inside = (command: string): string => `kubectl exec -n ${NAMESPACE} deploy/web-app -- ${command}`;

/** The page's lines, by where they stand. */
export const LINES = {
  install: {
    karmor: `curl -sfL ${RELEASES}/ | sh -s -- -b /usr/local/bin`,
    repository: `helm repo add kubearmor ${RELEASES}/charts`,
    update: 'helm repo update',
    helm: 'helm install kubearmor kubearmor/kubearmor -n kubearmor --create-namespace',
    pods: 'kubectl get pods -n kubearmor',
    probe: 'karmor probe',
  },
  setup: {
    namespace: `kubectl create namespace ${NAMESPACE}`,
    deploy: fed(`kubectl apply -n ${NAMESPACE} -f -`, WEB_APP),
    wait: `kubectl wait --for=condition=available deployment/web-app -n ${NAMESPACE} --timeout=60s`,
  },
  observe: {
    logs: `karmor logs --namespace ${NAMESPACE}`,
    ls: inside('ls /'),
    cat: inside('cat /etc/nginx/nginx.conf'),
    wget: inside('wget -q -O- http://example.com'),
  },
  audit: { apply: fed('kubectl apply -f -', AUDIT), cat: inside('cat /etc/passwd') },
  harden: { apply: fed('kubectl apply -f -', HARDENED) },
  test: {
    curl: inside('curl -s localhost'),
    shell: inside('sh -c "echo test"'),
    wget: inside('wget -q http://example.com'),
    cat: inside('cat /etc/shadow'),
  },
  check: { logs: `karmor logs --namespace ${NAMESPACE} --logFilter=policy` },
  cleanup: { namespace: `kubectl delete namespace ${NAMESPACE}` },
} as const;
