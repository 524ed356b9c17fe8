// SPDX-License-Identifier: Apache-2.0

/** Stands for what was taken out. */
export const REDACTED = '(redacted)';

const PRIVATE_KEY = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g;
/** A signed token of Kubernetes: three parts, the first a JSON object. */
const TOKEN = /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g;
const BEARER = /\b(Bearer|Basic)\s+[\w+/=.~-]{8,}/gi;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
/** `password=…`, `--token …`, `"apiKey":"…"`. */
const ASSIGNMENT = /((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|credentials?)["']?\s*[=:]\s*["']?)([^\s"',;&]{3,})/gi;

/** `--token VALUE`. */
const FLAG = /(--?[\w-]*(?:password|secret|token|key)\s+)([^\s-]\S{2,})/gi;

/** Values of environment variables, and everything in Secrets, are taken out by their place. */
const SECRET_MAPS = ['data', 'stringData'];
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Counts what it takes out. */
export class Redactor {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A text, as of a log: what looks like a secret is taken out. Others may be left: no rule knows them all. */
  text(text: string): string {
    const cut = (replacement: string) => (): string => {
      this.#count++;
      return replacement;
    };
    return text
      .replace(PRIVATE_KEY, cut(REDACTED))
      .replace(TOKEN, cut(REDACTED))
      .replace(BEARER, (_all, scheme: string) => cut(`${scheme} ${REDACTED}`)())
      .replace(FLAG, (_all, before: string) => cut(`${before}${REDACTED}`)())
      .replace(URL_PASSWORD, (_all, before: string) => cut(`${before}${REDACTED}@`)())
      .replace(ASSIGNMENT, (all, before: string, value: string) => (value.startsWith(REDACTED) ? all : cut(`${before}${REDACTED}`)()));
  }

  /**
   * An object of Kubernetes: no value of an environment variable, nothing of a Secret but the names of its entries, no copy of the
   * object in an annotation; texts as `text` does.
   */
  object(value: unknown): unknown {
    return this.#walk(value, []);
  }

  #walk(value: unknown, trail: readonly string[]): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#walk(item, [...trail, '[]']));
    if (typeof value !== 'object' || value === null) return value;
    const isSecret = trail.length === 0 && 'kind' in value && value.kind === 'Secret';
    const isVariable = trail.at(-1) === '[]' && trail.at(-2) === 'env';
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => {
        const hides = (isVariable && key === 'value') || key === LAST_APPLIED || key === 'caBundle';
        if (hides && part !== undefined) return [key, this.#hide()];
        if (isSecret && SECRET_MAPS.includes(key)) return [key, this.#hideAll(part)];
        return [key, this.#walk(part, [...trail, key])];
      }),
    );
  }

  #hide(): string {
    this.#count++;
    return REDACTED;
  }

  #hideAll(map: unknown): unknown {
    return typeof map === 'object' && map !== null ? Object.fromEntries(Object.keys(map).map((key) => [key, this.#hide()])) : this.#hide();
  }
}
