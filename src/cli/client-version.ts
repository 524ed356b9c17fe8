// SPDX-License-Identifier: Apache-2.0
import manifest from '../../package.json' with { type: 'json' };

/** This program's version. */
export const CLIENT_VERSION: string = manifest.version;
