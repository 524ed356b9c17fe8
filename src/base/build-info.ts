// SPDX-License-Identifier: Apache-2.0
import manifest from '../../package.json' with { type: 'json' };

/** Put in by the release's bundler (tools/release/bundle.ts); in a working tree there is none. */
declare const KUBEARMOR_RELEASE: { readonly version: string; readonly commit: string } | undefined;

const release = typeof KUBEARMOR_RELEASE === 'undefined' ? undefined : KUBEARMOR_RELEASE;

/** The version of this program, SemVer. */
export const VERSION: string = release?.version ?? manifest.version;

/** The commit that it was built of; undefined in a working tree. */
export const COMMIT: string | undefined = release?.commit;

/** Both, for people: `0.1.0 (commit 929f852e0a1b)`, `0.1.0 (working tree)`. */
export const VERSION_TEXT = `${VERSION} (${COMMIT === undefined ? 'working tree' : `commit ${COMMIT.slice(0, 12)}`})`;
