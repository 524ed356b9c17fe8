// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from '#base';
import type { LintCode } from '#policy';

interface Trouble {
  readonly why: string;
  readonly cure: string;
}
interface MeantTrouble extends Trouble {
  readonly meaning: string;
}

/** Errors of the world. What to do at once is their hint in src/base/errors.ts; `cure` is the rest. */
export const ERROR_TROUBLE: Readonly<Record<ErrorCode, MeantTrouble>> = {
  USAGE: { meaning: 'The command line is wrong.', why: 'A word, an option or a file that is not there; a command that this version does not have.', cure: '`karmor help COMMAND` has every option; the message names the nearest one.' },
  CONFIG_INVALID: { meaning: 'A setting is wrong, so nothing was started.', why: 'A flag, a variable or a line of `kubearmor.yaml` is unknown or has a value that it cannot have; or `-remove` without `-yes` found something.', cure: 'All of them are told at once: mend them together. [configuration.md](../reference/configuration.md) has the values.' },
  POLICY_INVALID: { meaning: 'A policy was refused whole. What was in force before stays.', why: 'At least one issue of severity error, see below.', cure: 'Mend what is named; warnings refuse nothing.' },
  UNREACHABLE: { meaning: 'Nobody answers at the address of the agent or relay.', why: 'It does not run, or listens elsewhere (`-socket`, `-gRPC`), or a port is filtered.', cure: '`systemctl status kubearmor`, or the agent’s pod; then `--gRPC` or `KUBEARMOR_SERVICE` with its address.' },
  PEER_REFUSED: { meaning: 'The other side is there and does not take this caller.', why: 'The socket is for root and the agent’s user; over TCP the certificate is missing, from another authority, or expired.', cure: 'With `--secure`: does `--tlsCertPath` have ca.crt, client.crt and client.key of this installation?' },
  PROTOCOL: { meaning: 'The answer is not one of KubeArmor’s API.', why: 'Another service listens there, or versions are more than one minor version apart.', cure: '`karmor version` shows both sides.' },
  NOT_SUPPORTED: { meaning: 'This machine cannot do it.', why: 'The kernel lacks BPF LSM, BTF or cgroup version 2, or is too old.', cure: 'Each line has its cure; [kernels.md](../reference/kernels.md) has the list. Nothing was loaded in part.' },
  KERNEL_LOAD: { meaning: 'The kernel did not take our programs.', why: 'A kernel that we did not test, or one that forbids programs (lockdown).', cure: 'Send the whole message and `uname -r`: this is a defect for every kernel in [kernels.md](../reference/kernels.md).' },
  KERNEL_CALL: { meaning: 'A call to the kernel failed while the agent worked.', why: 'Missing rights, no memory, or a limit of the kernel.', cure: 'Rules in force stay. The message names the call; the agent tries again where that can help.' },
  LIMIT_EXCEEDED: { meaning: 'Something is bigger than a bound.', why: 'Too many rules for one workload, or a document, path or file beyond its size.', cure: 'The number that is allowed is in the message. Nothing is cut.' },
  API_UNREACHABLE: { meaning: 'The Kubernetes API server does not answer.', why: 'It is away, or the kubeconfig names another address.', cure: 'The agent goes on with what it knew; see “The API server is away” in [operations](operations.md).' },
  API_REFUSED: { meaning: 'The API server does not let this account do that.', why: 'RBAC of the account, or an expired credential.', cure: 'The rights of the agent and the controller are in [agent-pod.md](../reference/agent-pod.md) and [controller.md](../reference/controller.md).' },
  API_CONFLICT: { meaning: 'Somebody wrote the object between our reading and our writing.', why: 'Two writers of one object.', cure: 'If it comes again and again, find the other writer: `kubectl get … --show-managed-fields -o yaml`.' },
  API_INVALID: { meaning: 'The API server refused an object.', why: 'A field is wrong, or the CRDs are of another version.', cure: 'Were the CRDs of this version applied (`api/crd`)?' },
  RUNTIME_UNREACHABLE: { meaning: 'containerd does not answer.', why: 'It does not run, or its socket is elsewhere.', cure: 'Name the socket with `-criSocket`. Rules in force stay; new containers wait or pass as `-startGate` says.' },
  HOST_IO: { meaning: 'A file or program of this machine failed.', why: 'Not there, no right, or a full disk.', cure: 'The cause is in the message.' },
};

/** Problems in what a user wrote. What each means stands in docs/issue-meanings.ts. */
export const ISSUE_TROUBLE: Readonly<Record<string, Trouble>> = {
  ALLOW_WITHOUT_BLOCK: { why: 'The default posture is `audit`, as KubeArmor’s.', cure: 'Write `spec.defaultPosture: block` when the list is whole; leave it while you learn.' },
  FIELDS_EXCLUDE: { why: 'They contradict each other, as `selector` and `nodeSelector`.', cure: 'Make two policies.' },
  FIELD_EMPTY: { why: 'A line without a value, often a slip of the indentation.', cure: 'Fill it in, or remove it.' },
  FIELD_MISSING: { why: 'A rule without its object, a policy without a name.', cure: 'Add it; [policy.md](../reference/policy.md) has every field.' },
  FIELD_UNKNOWN: { why: 'A slip of the pen, or the wrong depth.', cure: 'Take the field that the message names.' },
  FIELD_WITHOUT_EFFECT: { why: 'The field has a meaning only beside another one.', cure: 'Remove it, or change the other.' },
  FILE_UNREADABLE: { why: 'Rights, a broken link, or a file beyond its size.', cure: 'Mend the rights, or move it out of the folder. The others are in force.' },
  GLOB_INVALID: { why: 'A bracket or brace is not closed.', cure: 'Close it, or write `\\[` for the character.' },
  GLOB_LITERAL: { why: '`dir` is never a glob.', cure: 'Use `matchPatterns`.' },
  KEY_DUPLICATE: { why: 'Two lists of one name in a map: YAML keeps one of them.', cure: 'Join them to one list.' },
  LIMIT_EXCEEDED: { why: 'The document is beyond a bound.', cure: 'Split it, or write a directory or a glob in place of many paths.' },
  MERGED_USR: { why: '`/bin` is a link to `/usr/bin` on most images, so both rules speak of one program.', cure: 'Write one of them.' },
  NAME_INVALID: { why: 'Kubernetes takes lower case, digits, `-` and `.`.', cure: 'Rename it.' },
  NODE_CANNOT_ENFORCE: { why: 'That node’s kernel lacks something.', cure: '`karmor probe` on the node says what and how to get it.' },
  NOT_ENFORCEABLE: { why: 'This version has no enforcement for it, or none for this form.', cure: 'Do not rely on the rule. The others of the policy are in force.' },
  NO_RULES: { why: 'Every section is empty.', cure: 'Add a rule, or delete the policy.' },
  PATH_INVALID: { why: 'Rules speak of paths from the root of the container.', cure: 'Begin with `/`; for a directory use `matchDirectories`.' },
  PATH_NORMALISED: { why: 'The kernel never shows such a path.', cure: 'Write it without.' },
  PATTERN_SUSPECT: { why: 'Published examples call it a regular expression; it is a glob.', cure: 'Write `*` for `.*`; arguments do not belong into it.' },
  POLICY_DUPLICATE: { why: 'The same name twice in the files that were given.', cure: 'Rename one, or remove the older.' },
  POLICY_MISSING: { why: 'The wrong file or folder, or documents of other kinds only.', cure: 'Check the path: an empty answer must not be green in CI.' },
  RPC_REFUSES: { why: 'KubeArmor’s RPC takes such a policy for one of every container.', cure: 'Name labels; or copy the file into the policy folder. In a cluster it may stay.' },
  RULE_NEVER_MATCHES: { why: 'A name with `/` in `execname`, an unknown protocol, a path without root.', cure: 'The message says which part; mend it.' },
  SELECTS_NOTHING: { why: 'An empty `nodeSelector`, or an expression without values.', cure: 'Name the nodes or labels that you mean.' },
  SETTING_INVALID: { why: 'A value outside of what the setting takes.', cure: '[configuration.md](../reference/configuration.md) has the values.' },
  SETTING_UNKNOWN: { why: 'A slip, or a setting that this version does not have.', cure: 'Take the name that the message offers.' },
  TEXT_INVALID: { why: 'A binary file, or another encoding.', cure: 'Save it as UTF-8.' },
  TYPE_WRONG: { why: 'Mostly a missing `- ` before a list’s entry.', cure: 'Write it as the message says.' },
  VALUE_OUT_OF_RANGE: { why: 'A severity beyond 10, a port beyond 65535.', cure: 'Take a number within the range.' },
  VALUE_UNKNOWN: { why: 'A word that is not in the list.', cure: 'The message names the nearest one.' },
  YAML_INVALID: { why: 'Indentation, a tab, a quote.', cure: 'Line and column are in the message.' },
};

/** What lint finds. What each means stands in src/policy/lint-codes.ts. */
export const LINT_TROUBLE: Readonly<Record<LintCode, Trouble>> = {
  RULE_SHADOWED: { why: 'A more exact rule, or a Block of equal rank, decides before it.', cure: 'Remove it, or make it more exact. The other rule is named.' },
  RULE_DUPLICATE: { why: 'Copied, or written in two policies for one workload.', cure: 'Remove one.' },
  RULE_MATCHES_NOTHING: { why: 'A pattern that no path can have.', cure: 'Mend it: as it is it protects nothing.' },
  ALLOW_BESIDE_BLOCK: { why: 'One Allow rule makes its whole family an allow-list.', cure: 'If that is not meant, remove the Allow rules: what nothing blocks passes anyway.' },
  FAMILY_DEFAULT_DENY: { why: 'It is what an allow-list is for.', cure: 'Try it with `defaultPosture: audit`, then read `karmor logs`.' },
  BLOCK_EXCEPTED: { why: 'An exception for every program.', cure: 'If it is for some programs, give the Allow rule a `fromSource`.' },
  ONE_OF_MERGED_USR: { why: 'Images differ.', cure: 'Nothing here; for KubeArmor’s own enforcers write both names.' },
  NET_RAW_AROUND_PORTS: { why: 'CAP_NET_RAW makes packets by hand.', cure: 'Block the capability `net_raw`, or drop it in the pod.' },
  COPIES_RUN: { why: 'A name is not the content.', cure: 'Where it matters use an allow-list ([web-server-allow-list](../../examples/policies/web-server-allow-list.yaml)).' },
  LINT_INCOMPLETE: { why: 'A very big rule set.', cure: 'Lint policies one by one.' },
};

/** Words of conditions, of node reports and of answers to the API server. */
export const STATUS_TROUBLE: Readonly<Record<string, MeantTrouble>> = {
  Accepted: { meaning: 'The document can be honoured.', why: 'No problem was found.', cure: 'Nothing.' },
  AnotherInstallation: { meaning: 'Another enforcer runs in this cluster.', why: 'A KubeArmor installation of somebody else is there, or one of ours in another namespace.', cure: 'Take it out, or let the operator take it over, as the message says.' },
  AnotherIsObeyed: { meaning: 'There is an older KubeArmorConfig, and that one counts.', why: 'Two of them in one cluster.', cure: 'Delete one of them.' },
  AsAsked: { meaning: 'Everything is as the configuration asks.', why: 'Nothing is missing.', cure: 'Nothing.' },
  Audited: { meaning: 'In force, and nothing is denied in some of its workloads.', why: 'Their pods have `kubearmor-policy: audited`, or their namespace is one that is audited by configuration.', cure: 'Nothing, if that is meant; else change the annotation.' },
  CanaryCannotRun: { meaning: 'Nothing can be proven on this node, so the policy stays `Pending`.', why: 'No cgroup of version 2 that can be written, or too few rights.', cure: 'The message names it; [agent-pod.md](../reference/agent-pod.md) has what the agent’s pod needs.' },
  CanaryFailed: { meaning: 'The canary tried what the rule forbids, and it came out wrong.', why: 'Something changed the programs, maps or links in the kernel; or a defect of ours.', cure: 'Take it as not enforced. `karmor probe` on the node, then restart the agent there: where a link is gone, it attaches all programs anew. If it comes again, report it with the rule and the kernel.' },
  Enforced: { meaning: 'Each node that has workloads of it saw it in force within the last minute.', why: 'A canary was denied what it must be denied.', cure: 'Nothing. Rules that no canary could try are counted and named in the message.' },
  Failed: { meaning: 'On some node it should be in force and is not.', why: 'A canary failed, somebody changed the state in the kernel, or rules of a workload could not be loaded.', cure: '`.status.nodeReasons` names node and cause.' },
  FieldValueInvalid: { meaning: 'Kubernetes’ own word for a wrong field, in the causes of a refusal.', why: 'The policy has an issue of severity error.', cure: 'Field, problem and cure stand beside it.' },
  Forbidden: { meaning: 'A pod was not let in, or not bound to that node.', why: 'Its namespace has `kubearmor.io/require-enforcement`, and it would start unprotected.', cure: 'Mend the node that is named, or take the annotation from the pod, or the label from the namespace.' },
  Invalid: { meaning: 'The document cannot be honoured. The last good version stays in force.', why: 'At least one issue of severity error.', cure: 'The message has every problem with its cure; `karmor policy check` tells the same.' },
  LastGoodEnforced: { meaning: 'An older version is in force, and seen to be.', why: 'The current one cannot be honoured.', cure: 'See the condition `Accepted`; `observedGeneration` says which version it is.' },
  LoadedNotProven: { meaning: 'Its rules are loaded on that node, and no canary there can try any of them; so it is not called enforced. The word in the column is `NotProven`.', why: 'Capabilities that the agent’s own container does not have, as NET_RAW, or that have no harmless use; connections to the workload from a network; rules that other rules decide. The message names each rule with its reason.', cure: 'No waiting helps. Try it in the workload yourself; or add a rule to the policy that a canary can try: then `Enforced` is told, with the rules that were not tried.' },
  NoNodes: { meaning: 'No agent reports now.', why: 'No agent runs, or none reaches the API server.', cure: '`kubectl get kan`, `kubectl get pods -A -l kubearmor-app=kubearmor`.' },
  NoWorkloads: { meaning: 'No node has a workload that it selects. One that starts now starts under it.', why: 'The selector, the namespace, or nothing runs yet.', cure: 'Compare the selector with `kubectl get pods --show-labels`.' },
  NodeSilent: { meaning: 'A node’s agent has not said for a minute that its report holds.', why: 'The agent or the node is down, or cut off from the API server.', cure: 'Rules there stay in force as long as the node is up. Look at its agent’s pod.' },
  NodeWithoutAgent: { meaning: 'A node takes pods, and no agent reports of it.', why: 'The DaemonSet does not reach it (a `nodeSelector`, tolerations of `kubearmorImage`), or it is new.', cure: 'Remove what keeps agents away; or `-nodes-without-agent=ignore` of the controller, if such nodes are meant to be.' },
  NodesWithoutAgent: { meaning: 'Some nodes have no agent.', why: 'Their kubelet has not said which runtime they have, or there is no agent for that runtime.', cure: 'Each is named with what is wrong.' },
  NotAccepted: { meaning: 'The KubeArmorConfig cannot be read, so the last that could be is obeyed.', why: 'A field is wrong; the condition `Accepted` names it.', cure: 'Mend the field. Until then agents, labels and certificates are kept up as the older generation asks.' },
  NotEnforced: { meaning: 'The policy is taken and nothing of it is in force on this node.', why: 'Its kind is switched off there, as host policies are without `-enableKubeArmorHostPolicy`; or it is a network policy for nodes.', cure: 'The message says which.' },
  NothingInstalled: { meaning: 'Nothing is installed by this KubeArmorConfig.', why: 'It cannot be read, and no earlier one could.', cure: 'Mend the fields that the condition `Accepted` names.' },
  NotHonoured: { meaning: 'The configuration asks for something that this version does not have.', why: 'A setting of KubeArmor without a counterpart here.', cure: 'Remove it, or do without.' },
  NotLoaded: { meaning: 'A workload that it selects does not have its rules yet.', why: 'It has just started, or its rule set is beyond a limit.', cure: 'If it stays: the message names workload and reason.' },
  NotProvenYet: { meaning: 'No canary has tried its rules within the last minute.', why: 'It is new, or one at a time are tried and its turn has not come.', cure: 'Wait; if it stays, `karmor probe` on the node.' },
  NotReady: { meaning: 'Some of our own pods are not up.', why: 'They are being rolled out, or cannot start.', cure: '`kubectl get pods -n kubearmor`, then `kubectl describe` of the one that waits.' },
  Pending: { meaning: 'A node has not taken in this version, or has not proven it yet.', why: 'It is seconds old; or the node is behind; or proofs are off or cannot run there.', cure: 'Wait a minute; then `.status.nodeReasons`.' },
  ProofOff: { meaning: 'Nothing is proven on this node, so nothing there is called enforced.', why: '`-proofEvery` is 0.', cure: 'Set it back to its default.' },
  Ready: { meaning: 'All workloads of the installation are up to date and ready.', why: 'Nothing is missing.', cure: 'Nothing.' },
  Refused: { meaning: 'A node cannot honour this version; what is in force there instead is in the message.', why: 'A problem in the document, or beyond a limit there.', cure: 'Mend the policy as the message says.' },
  RuleNotEnforced: { meaning: 'One rule is not in force on this node; the others are.', why: 'The enforcer there cannot do it.', cure: 'Remove the rule, or do not rely on it.' },
  RuleNotTried: { meaning: 'In a node’s report: this rule is loaded with the others of the policy, and no canary there can try it.', why: 'As for `LoadedNotProven`; the message has the reason.', cure: 'Nothing, if the proof of the other rules is enough; else as for `LoadedNotProven`.' },
  RulesNotEnforced: { meaning: 'In force, but for rules that some node cannot do.', why: 'See the condition `Degraded`: rule, reason, number of nodes.', cure: 'Write the rule in a form that can be enforced ([policy.md](../reference/policy.md)), or keep the policy off those nodes.' },
  Tampered: { meaning: 'Somebody changed what is in the kernel. It was set right, or the message says that it was not.', why: 'A root process of the node that is not the agent detached a link, emptied an image or removed a binding.', cure: 'Find out who: this does not happen by itself. It says so for ten seconds at least. Where it was not set right, restart the agent of that node: it attaches all programs anew.' },
  WrittenByAnother: { meaning: 'Event: a policy was written by another field manager than before.', why: 'Somebody edited by hand what GitOps writes, or the other way round.', cure: '`kubectl get ksp NAME -o yaml --show-managed-fields` shows who.' },
};
