// SPDX-License-Identifier: Apache-2.0
import type { CompletionNode, CompletionOption, Offer } from './completion-model.ts';

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const pathOf = ({ words }: CompletionNode): string => words.map((word) => ` ${word}`).join('');

/** Renders the script for fish 3 and later; `karmor completion fish | source`. */
export function renderFishCompletion(nodes: readonly CompletionNode[]): string {
  const below = nodes.filter((node) => node.words.length > 0);
  return `# fish completion for karmor
function __karmor_at
    set -l at ''
    set -l typed (commandline -opc)
    for word in $typed[2..]
        switch "$at $word"
            case ${below.map((node) => quote(pathOf(node))).join(' ')}
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c karmor -f
${nodes.flatMap(nodeLines).join('\n')}
`;
}

function nodeLines(node: CompletionNode): string[] {
  const head = `complete -c karmor -n ${quote(`__karmor_at ${quote(pathOf(node))}`)}`;
  return [
    ...node.children.map(({ name, summary }) => `${head} -a ${quote(name)} -d ${quote(summary)}`),
    ...node.options.map((option) => optionLine(head, option)),
    ...(node.argument === 'nothing' ? [] : [`${head}${offering(node.argument)}`]),
  ];
}

function optionLine(head: string, { long, short, summary, value }: CompletionOption): string {
  const names = `${short === undefined ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}`;
  return `${head}${names}${value === undefined ? '' : ` -r${offering(value)}`} -d ${quote(summary)}`;
}

function offering(offer: Offer): string {
  if (offer === 'nothing') return ' -f';
  if (offer === 'file') return ' -F';
  if (offer === 'directory') return ` -f -a ${quote('(__fish_complete_directories)')}`;
  if ('live' in offer) return ` -f -a ${quote(`(karmor __complete ${offer.live} -- (commandline -opc)[2..] 2>/dev/null)`)}`;
  return ` -f -a ${quote(offer.words.join(' '))}`;
}
