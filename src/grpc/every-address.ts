// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/**
 * The host to listen at for clients of any address: IPv6's covers IPv4 too, and is an error where the kernel has no IPv6.
 *
 * @param addresses for tests; default: `/proc/net/if_inet6`
 * @source proc_net(5): one line an address
 */
export function everyAddress(addresses: () => string = () => readFileSync('/proc/net/if_inet6', 'utf8')): string {
  try {
    return addresses() === '' ? '0.0.0.0' : '::';
  } catch {
    return '0.0.0.0';
  }
}
