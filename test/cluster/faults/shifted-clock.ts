// SPDX-License-Identifier: Apache-2.0

/** Sets the clock of this process forward, or back, until it is disposed. Clocks that never jump, and timers, go on as they were. */
export function shiftClock(byMs: number): Disposable {
  const Real = globalThis.Date;
  class Shifted extends Real {
    constructor(...given: readonly (number | string | Date)[]) {
      const [first] = given;
      if (first === undefined) super(Real.now() + byMs);
      else super(...(given as readonly [number]));
    }
    static override now(): number {
      return Real.now() + byMs;
    }
  }
  globalThis.Date = Shifted as unknown as DateConstructor;
  return {
    [Symbol.dispose]: () => {
      globalThis.Date = Real;
    },
  };
}
