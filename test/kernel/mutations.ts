// SPDX-License-Identifier: Apache-2.0

/** One defect, made on purpose: the tests must see it. */
export interface Mutation {
  readonly name: string;
  /** From the root of the tree. */
  readonly file: string;
  /** Stands there once. */
  readonly from: string;
  readonly to: string;
  /** What must find it: the kernel cases whose names match, or the kernel fuzzer. */
  readonly foundBy: { readonly cases: string } | 'fuzzer';
  /** What is broken. The matcher is the kernel's; it is looked at in a guest, the others by their predictions alone. */
  readonly part: 'matcher' | 'compiler' | 'evaluator' | 'programs';
}

const MATCHER: readonly Mutation[] = [
  {
    name: 'one bit more of an address is compared',
    file: 'bpf/lib/match.h',
    from: '__builtin_bswap32(~0U << (32 - bits))',
    to: '__builtin_bswap32(~0U << (31 - bits))',
    foundBy: 'fuzzer',
    part: 'matcher',
  },
  {
    name: 'the last port of a range is left out',
    file: 'bpf/lib/match_class.h',
    from: 'port > ports >> 16',
    to: 'port >= ports >> 16',
    foundBy: 'fuzzer',
    part: 'matcher',
  },
  {
    name: 'owners and others are swapped',
    file: 'bpf/lib/match_class.h',
    from: 'x->owner ? CONDITION_OWNER : CONDITION_NOT_OWNER',
    to: 'x->owner ? CONDITION_NOT_OWNER : CONDITION_OWNER',
    foundBy: 'fuzzer',
    part: 'matcher',
  },
  {
    name: 'what was found for the two accesses of an open changes places',
    file: 'bpf/lib/match_class.h',
    from: 'hit = &x->hit[which & 1];',
    to: 'hit = &x->hit[~which & 1];',
    foundBy: 'fuzzer',
    part: 'matcher',
  },
  {
    name: 'a subject of the second half of a word of the matrix is of nobody',
    file: 'bpf/lib/match_class.h',
    from: '>> (column & 31) & 1;',
    to: '>> (column & 31) & (column < 3);',
    foundBy: 'fuzzer',
    part: 'matcher',
  },
];

const COMPILER: readonly Mutation[] = [
  {
    name: 'an Allow that is readOnly allows writing',
    file: 'src/policy/lower.ts',
    from: 'access: rule.readOnly ? ACCESS.READ : both,',
    to: 'access: both,',
    foundBy: 'fuzzer',
    part: 'compiler',
  },
  {
    name: 'a recursive directory comes before the directory itself',
    file: 'src/policy/rank.ts',
    from: 'object.recursive ? 2 : 1',
    to: 'object.recursive ? 1 : 2',
    foundBy: 'fuzzer',
    part: 'compiler',
  },
  {
    name: 'a range of ports is its first',
    file: 'src/policy/compile-sockets.ts',
    from: '(rule.endPort ?? rule.port)',
    to: 'rule.port',
    foundBy: 'fuzzer',
    part: 'compiler',
  },
  {
    name: 'what stands behind a rule for some subjects is dropped for all',
    file: 'src/policy/compile-paths.ts',
    from: 'if (entry.subject === 0 && lowered.condition === 0',
    to: 'if (lowered.condition === 0',
    foundBy: 'fuzzer',
    part: 'compiler',
  },
  {
    name: 'two stars are one',
    file: 'src/automaton/glob.ts',
    from: "this.#at === first ? 'star' : 'doubleStar'",
    to: "this.#at >= first ? 'star' : 'doubleStar'",
    foundBy: 'fuzzer',
    part: 'compiler',
  },
];

const EVALUATOR: readonly Mutation[] = [
  {
    name: 'the first port of a range is left out',
    file: 'src/policy/evaluate-sockets.ts',
    from: 'access.port < (ports & 0xffff)',
    to: 'access.port <= (ports & 0xffff)',
    foundBy: 'fuzzer',
    part: 'evaluator',
  },
  {
    name: 'a posture decides only where no access of an open has a rule',
    file: 'src/policy/image-view.ts',
    from: 'const open = hits.some(',
    to: 'const open = hits.every(',
    foundBy: 'fuzzer',
    part: 'evaluator',
  },
  {
    name: 'mapping a program is no access to programs',
    file: 'src/policy/evaluate-paths.ts',
    from: "const isProcess = access.kind === 'exec' || access.kind === 'map-exec';",
    to: "const isProcess = access.kind === 'exec';",
    foundBy: 'fuzzer',
    part: 'evaluator',
  },
  {
    name: 'an Audit rule of the second access comes first',
    file: 'src/policy/image-view.ts',
    from: 'const audited = hits.find(',
    to: 'const audited = hits.findLast(',
    foundBy: 'fuzzer',
    part: 'evaluator',
  },
  {
    name: 'an address of the other family is compared too',
    file: 'src/policy/evaluate-sockets.ts',
    from: 'if ((bytes.length === 4 ? AF.INET : AF.INET6) !== family) return false;',
    to: '',
    foundBy: 'fuzzer',
    part: 'evaluator',
  },
];

const PROGRAMS: readonly Mutation[] = [
  {
    name: 'a hook is dropped',
    file: 'bpf/file.bpf.h',
    from: 'SEC("lsm/path_unlink")',
    to: 'SEC("?lsm/path_unlink")',
    foundBy: { cases: '^(file|overlay|directory)' },
    part: 'programs',
  },
  {
    name: 'the subject is ignored',
    file: 'bpf/lib/match_class.h',
    from: '\tif (!column)\n\t\treturn 1;\n',
    to: '\treturn 1;\n',
    foundBy: { cases: '^(process|file|precedence|capabilities)' },
    part: 'programs',
  },
  {
    name: 'the depth of a path is ignored',
    file: 'bpf/lib/match_class.h',
    from: 'want = !x->flat && x->n > COMPONENTS_MAX ? CLASS_REACH : CLASS_ACCEPT;',
    to: 'want = CLASS_ACCEPT;',
    foundBy: { cases: '^names' },
    part: 'programs',
  },
  {
    name: 'Allow and Block are swapped',
    file: 'bpf/lib/match_class.h',
    from: '\t\tverdict = FN(at)(c.w, x->found + 3) >> 16;\n',
    to: '\t\tverdict = FN(at)(c.w, x->found + 3) >> 16;\n\t\tverdict = verdict == VERDICT_BLOCK ? VERDICT_ALLOW : VERDICT_BLOCK;\n',
    foundBy: { cases: '^(process|file)' },
    part: 'programs',
  },
  {
    name: 'the agent’s places are not guarded',
    file: 'bpf/self.bpf.h',
    from: '\treturn self_guards(x, hook) ? -EPERM : 0;',
    to: '\treturn 0;',
    foundBy: { cases: '^self' },
    part: 'programs',
  },
];

/** Five each of matcher, compiler and evaluator for the fuzzer, and some of the programs for the kernel cases. */
export const MUTATIONS: readonly Mutation[] = [...MATCHER, ...COMPILER, ...EVALUATOR, ...PROGRAMS];
