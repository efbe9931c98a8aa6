import type { RunOutcome } from "./Run.ts"

const header = [
  "Scenario",
  "Fault",
  "Engine, s",
  "First write, s",
  "Ratio",
  "Longest gap of writes, s",
  "of events, s",
  "Acknowledged",
  "Not",
  "Sessions ended",
  "Lost",
  "Doubled",
  "Phantom",
  "Out of order",
  "Ended, accepted"
]

const ratioOf = ({ engineSeconds, scenario, writeSeconds }: RunOutcome): number | undefined =>
  scenario.within === undefined ? undefined : writeSeconds / engineSeconds

/** Whether the outcome has no violation, and the first write came in time. */
export const isGood = (outcome: RunOutcome): boolean => {
  const { within = Number.POSITIVE_INFINITY } = outcome.scenario
  return Object.values(outcome.violations).every((count) => count === 0) && (ratioOf(outcome) ?? 0) <= within
}

const rowOf = (outcome: RunOutcome): ReadonlyArray<string> => {
  const { doubled, ended, lost, outOfOrder, phantom } = outcome.violations
  return [
    outcome.scenario.name,
    outcome.scenario.fault,
    outcome.engineSeconds.toFixed(1),
    outcome.writeSeconds.toFixed(1),
    ratioOf(outcome)?.toFixed(2) ?? "",
    outcome.gapSeconds.toFixed(1),
    outcome.eventGapSeconds.toFixed(1),
    ...[outcome.acknowledged, outcome.unanswered, outcome.sessionsEnded].map(String),
    ...[lost, doubled, phantom, outOfOrder, ended].map(String)
  ]
}

/** The outcomes as a table in Markdown. The ratio is empty where writes do not depend on the engine. */
export const table = (outcomes: ReadonlyArray<RunOutcome>): string =>
  [header, header.map(() => "---"), ...outcomes.map(rowOf)].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
