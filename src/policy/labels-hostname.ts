// SPDX-License-Identifier: Apache-2.0
import { LIMITS } from './limits.ts';

/** Groups inside groups: a repeated group in a repeated group doubles the work, so few are enough and safe. */
const MAX_GROUP_DEPTH = 4;

/** Where a match may end, given where it may start: sets of positions, so time is bounded whatever the expression. */
type Step = (from: ReadonlySet<number>, text: string) => Set<number>;

/**
 * Compiles the value of a `hostnamereg` label: a regular expression over the whole name.
 *
 * Own matcher: the engine's backtracks exponentially, and policies come from people whom the node should not depend on.
 * Knows literals, `.`, classes, groups, `|`, `*` `+` `?`, `\` and outer `^` `$`. As in KubeArmor, a `*` that follows neither `.` nor
 * a class nor a group means `.*` (`node-*`).
 *
 * @returns a matcher, or what is wrong with the expression
 */
export function compileHostnames(expression: string): ((name: string) => boolean) | string {
  if (Buffer.byteLength(expression) > LIMITS.hostnamePatternBytes.value) return `longer than ${LIMITS.hostnamePatternBytes.value} bytes`;
  const parser = new HostnameParser(expression.replace(/^\^/, '').replace(/(?<!\\)\$$/, ''));
  const step = parser.alternatives(0);
  if (typeof step === 'string') return step;
  if (!parser.done) return 'a ) has no (';
  return (name) => step(new Set([0]), name).has(name.length);
}

class HostnameParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  alternatives(depth: number): Step | string {
    if (depth > MAX_GROUP_DEPTH) return 'groups are nested too deep';
    const choices: Step[] = [];
    do {
      const choice = this.#sequence(depth);
      if (typeof choice === 'string') return choice;
      choices.push(choice);
    } while (this.#take('|'));
    return (from, text) => new Set(choices.flatMap((choice) => [...choice(from, text)]));
  }

  #sequence(depth: number): Step | string {
    const parts: Step[] = [];
    while (!this.done && !'|)'.includes(this.#peek)) {
      const star = this.#peek === '*';
      const simple = !'.[('.includes(this.#peek);
      const atom = star ? ANY : this.#atom(depth);
      if (typeof atom === 'string') return atom;
      if (!star && simple && this.#peek === '*') parts.push(atom);
      else parts.push(this.#repeated(atom));
    }
    return (from, text) => parts.reduce<Set<number>>((set, part) => part(set, text), new Set(from));
  }

  #repeated(atom: Step): Step {
    if (this.#take('*')) return many(atom);
    if (this.#take('+')) return (from, text) => many(atom)(atom(from, text), text);
    if (this.#take('?')) return (from, text) => new Set([...from, ...atom(from, text)]);
    return atom;
  }

  #atom(depth: number): Step | string {
    const char = this.#peek;
    if ('+?{}'.includes(char)) return `\`${char}\` has no meaning here`;
    this.#at++;
    if (char === '.') return ANY;
    if (char === '[') return this.#class();
    if (char === '(') {
      const inner = this.alternatives(depth + 1);
      return typeof inner === 'string' || this.#take(')') ? inner : 'a ( is not closed';
    }
    if (char !== '\\') return one((c) => c === char);
    const escaped = this.#peek;
    this.#at++;
    return /^[^A-Za-z0-9]$/.test(escaped) ? one((c) => c === escaped) : 'a \\ stands before a character other than punctuation';
  }

  #class(): Step | string {
    const body = /^(\^?)(\]?[^\]]*)\]/.exec(this.#text.slice(this.#at));
    if (body === null) return 'a [ is not closed';
    this.#at += body[0].length;
    const ranges = [...(body[2] ?? '').matchAll(/(.)-(.)|(.)/gs)].map(
      ([, low, high, single]) => [low ?? single ?? '', high ?? single ?? ''] as const,
    );
    const negated = body[1] === '^';
    return one((c) => ranges.some(([low, high]) => c >= low && c <= high) !== negated);
  }

  get #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #take(char: string): boolean {
    if (this.#peek !== char) return false;
    this.#at++;
    return true;
  }
}

function one(test: (char: string) => boolean): Step {
  return (from, text) => new Set([...from].filter((at) => at < text.length && test(text.charAt(at))).map((at) => at + 1));
}
const ANY: Step = one(() => true);

function many(atom: Step): Step {
  return (from, text) => {
    const reached = new Set(from);
    for (let edge = new Set(from); edge.size > 0;) {
      edge = new Set([...atom(edge, text)].filter((at) => !reached.has(at)));
      for (const at of edge) reached.add(at);
    }
    return reached;
  };
}
