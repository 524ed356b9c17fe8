// SPDX-License-Identifier: Apache-2.0
import type { CompletionNode, CompletionOption, Offer } from './completion-model.ts';

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const pathOf = ({ words }: CompletionNode): string => words.map((word) => ` ${word}`).join('');
const spellings = ({ long, short }: CompletionOption): string[] => (short === undefined ? [long] : [short, long]);
/** `name:summary` of `_describe`, where a colon in the name would end it. */
const described = (name: string, summary: string): string => quote(`${name.replaceAll(':', '\\:')}:${summary}`);

/** Renders the script for zsh; sourced after `compinit`, or as `_karmor` in a folder of `fpath`. */
export function renderZshCompletion(nodes: readonly CompletionNode[]): string {
  const below = nodes.filter((node) => node.words.length > 0);
  return `#compdef karmor
# zsh completion for karmor
_karmor() {
  local at='' prev cur i
  local -a offered
  cur="\${words[CURRENT]}"
  prev="\${words[CURRENT-1]}"
  if [[ $cur == --*=* ]]; then
    prev="\${cur%%=*}"
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      (${below.map((node) => quote(pathOf(node))).join('|')}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at:$prev" in
${nodes.flatMap(valueCases).join('\n')}
  esac
  case "$at" in
${nodes.map(nodeCase).join('\n')}
  esac
}
if [[ "\${funcstack[1]}" == _karmor ]]; then
  _karmor "$@"
else
  compdef _karmor karmor
fi
`;
}

function valueCases(node: CompletionNode): string[] {
  return node.options.flatMap((option) => {
    if (option.value === undefined) return [];
    const patterns = spellings(option).map((spelling) => quote(`${pathOf(node)}:${spelling}`));
    return [`    (${patterns.join('|')}) ${offering(option.value)}; return ;;`];
  });
}

function nodeCase(node: CompletionNode): string {
  const options = node.options.flatMap((option) => spellings(option).map((spelling) => described(spelling, option.summary)));
  const children = node.children.map(({ name, summary }) => described(name, summary));
  const rest = children.length > 0 ? `offered=(${children.join(' ')}); _describe command offered` : offering(node.argument);
  return `    (${quote(pathOf(node))}) if [[ $cur == -* ]]; then offered=(${options.join(' ')}); _describe -o option offered; else ${rest}; fi ;;`;
}

function offering(offer: Offer): string {
  if (offer === 'nothing') return ':';
  if (offer === 'file') return '_files';
  if (offer === 'directory') return '_files -/';
  if ('live' in offer) return `compadd -- \${(f)"$(karmor __complete ${offer.live} -- "\${words[@]:1}" 2>/dev/null)"}`;
  return `compadd -- ${offer.words.map(quote).join(' ')}`;
}
