// SPDX-License-Identifier: Apache-2.0
// up.ts: starts a hybrid cluster and keeps it until it is told to end, for work on tests: run.ts --kept uses it.
import { once } from 'node:events';
import { HybridCluster } from './cluster.ts';
import { makeWebImage, ownImages } from './images.ts';

await using cluster = await HybridCluster.start({ images: [makeWebImage(), ownImages().archive] });
cluster.keep();
console.log(`export KUBECONFIG=${cluster.kubeconfig}; nsenter --net=/proc/${process.pid}/ns/net ${cluster.bin}/kubectl get pods -A`);
await Promise.race(['SIGTERM', 'SIGINT'].map((signal) => once(process, signal)));
