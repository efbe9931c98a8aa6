import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { isGood, table } from "./Report.ts"
import { type RunOutcome, runScenario } from "./Run.ts"
import { scenarios } from "./Scenarios.ts"

const names = scenarios.map(({ name }) => name).join(",")

const flags = {
  only: Flag.optional(Flag.String("only").pipe(Flag.withDescription(`A comma-separated list of ${names}`))),
  old: Flag.optional(
    Flag.String("old").pipe(Flag.withDescription("A clone of an earlier commit with its bundles, for the old version"))
  ),
  rounds: Flag.Int("rounds").pipe(Flag.withDefault(1), Flag.withDescription("How often each scenario runs"))
}

const failover = Command.make(
  "failover",
  flags,
  Effect.fnUntraced(function* ({ old, only, rounds }) {
    const wanted = Option.match(only, { onNone: () => undefined, onSome: (text) => text.split(",") })
    const chosen = scenarios.filter(({ name, withOldVersion }) =>
      wanted === undefined ? withOldVersion !== true || Option.isSome(old) : wanted.includes(name)
    )
    if (chosen.length === 0) return yield* Effect.fail(`No scenario of that name; there are ${names}`)
    const outcomes: Array<RunOutcome> = []
    for (let round = 0; round < rounds; round++) {
      for (const scenario of chosen) outcomes.push(yield* runScenario(scenario, Option.getOrUndefined(old)))
    }
    yield* Console.log(table(outcomes))
    const bad = outcomes.filter((outcome) => !isGood(outcome)).map(({ scenario }) => scenario.name)
    if (bad.length > 0) return yield* Effect.fail(`Not as expected: ${bad.join(", ")}`)
  })
)

Command.run(failover, { version: "0.1.0" }).pipe(Effect.provide([NodeServices.layer]), NodeRuntime.runMain)
