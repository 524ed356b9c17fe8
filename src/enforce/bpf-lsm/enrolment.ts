// SPDX-License-Identifier: Apache-2.0

/** In place of a descriptor: the caller itself, which is the agent. */
export const THIS_PROCESS = -1;

/** The context of ka_enroll, struct enrol in bpf/self.bpf.h; the same in every version. */
export function enrolment(fd: number, kind = 0, epoch = 0): Buffer {
  const context = Buffer.alloc(12);
  context.writeInt32LE(fd, 0);
  context.writeUInt32LE(kind, 4);
  context.writeUInt32LE(epoch, 8);
  return context;
}
