// SPDX-License-Identifier: Apache-2.0
import { run } from '../vm/running.ts';

/** This machine, as the node and its pods see it. */
export const HOST_ADDRESS = '10.55.0.1';
/** The node. */
export const NODE_ADDRESS = '10.55.0.2';
/** Of the node's pods. @see bridge.conflist */
export const POD_RANGE = '10.244.0.0/24';
/** The node's network card is at it. */
export const TAP = 'tap0';

/**
 * A network between this machine and the node. Only in a network name space of our own (`unshare --net`), where nothing of it meets
 * a network or a server of this machine; it goes with that.
 *
 * @throws {Error} elsewhere
 */
export async function setUpNetwork(): Promise<void> {
  const { output } = await run('ip', '-o', 'link', 'show', 'up');
  if (output !== '') throw new Error('the hybrid cluster wants a network name space of its own: start it by test/hybrid/run');
  await ip('link', 'set', 'lo', 'up');
  await ip('tuntap', 'add', TAP, 'mode', 'tap');
  await ip('address', 'add', `${HOST_ADDRESS}/24`, 'dev', TAP);
  await ip('link', 'set', TAP, 'up');
  await ip('route', 'add', POD_RANGE, 'via', NODE_ADDRESS);
}

async function ip(...words: readonly string[]): Promise<void> {
  const ran = await run('ip', ...words);
  if (ran.code !== 0) throw new Error(`ip ${words.join(' ')}: ${ran.output}`);
}
