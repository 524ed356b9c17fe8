// SPDX-License-Identifier: Apache-2.0
// do.ts install|guest SCRIPT|load ARCHIVE: one deed in the cluster that up.ts keeps.
import { Hybrid } from './cluster.ts';
import { ownImages } from './images.ts';
import { install } from './install.ts';

const cluster = Hybrid.kept();
const [deed, word = ''] = process.argv.slice(2);
if (deed === 'install') await install(cluster, ownImages().version);
else if (deed === 'load') console.log(await cluster.guest.run(`ctr -n k8s.io images import ${word || ownImages().archive}`));
else console.log((await cluster.guest.run(word)).output);
