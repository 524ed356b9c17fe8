// SPDX-License-Identifier: Apache-2.0
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { BinaryWriter } from '@bufbuild/protobuf/wire';

const SERVICE = '/containerd.services.containers.v1.Containers/';
/** @source containerd, api/services/containers/v1/containers.proto */
const CONTAINER = { id: 1, labels: 2, image: 3, runtime: 4, spec: 5 } as const;
const SPEC_TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';

/**
 * Containers in containerd's store, without a task: what a client of containerd does before it starts one. Their processes the test starts
 * itself, as `ctr` takes seconds for each.
 */
export class ContainerdStore implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(socket: string) {
    this.#session = connect('http://localhost', { createConnection: () => connectSocket(socket) });
    this.#session.on('error', () => {}); // each call tells of its own
  }

  /** @param cgroupsPath as the OCI specification has it */
  async create(id: string, labels: Readonly<Record<string, string>>, cgroupsPath: string): Promise<void> {
    const container = new BinaryWriter().tag(CONTAINER.id, 2).string(id);
    for (const [key, value] of Object.entries(labels))
      container.tag(CONTAINER.labels, 2).bytes(new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string(value).finish());
    const spec = Buffer.from(JSON.stringify({ ociVersion: '1.0.2', linux: { cgroupsPath } }));
    container.tag(CONTAINER.runtime, 2).bytes(new BinaryWriter().tag(1, 2).string('io.containerd.runc.v2').finish());
    container.tag(CONTAINER.spec, 2).bytes(new BinaryWriter().tag(1, 2).string(SPEC_TYPE).tag(2, 2).bytes(spec).finish());
    await this.#call('Create', new BinaryWriter().tag(1, 2).bytes(container.finish()).finish());
  }

  async delete(id: string): Promise<void> {
    await this.#call('Delete', new BinaryWriter().tag(1, 2).string(id).finish());
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }

  #call(method: string, message: Uint8Array): Promise<void> {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    return new Promise((resolve, reject) => {
      const call = this.#session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: `${SERVICE}${method}`,
        'content-type': 'application/grpc+proto',
        te: 'trailers',
        'containerd-namespace': 'default',
      });
      const onStatus = (headers: Readonly<Record<string, unknown>>): void => {
        const status = headers['grpc-status'];
        if (status === '0') resolve();
        else if (status !== undefined) reject(new Error(`${method}: ${String(headers['grpc-message'])}`));
      };
      call.on('response', onStatus).on('trailers', onStatus).on('error', reject);
      call.resume();
      call.end(Buffer.concat([head, message]));
    });
  }
}
