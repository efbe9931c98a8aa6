import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as KillRun from "./KillRun.ts"

/** The long run. It takes minutes on two cores, and exits with 1 if anything was lost or duplicated. */
const main = Effect.gen(function* () {
  const { differences, verdict, ...rest } = yield* KillRun.run({
    statuses: 20_000,
    changes: 20_000,
    largeOnes: 5,
    workers: 3,
    kills: 20,
    rabbitmqAt: [3, 9, 15],
    postgresAt: [6, 12, 18],
    log: Console.log
  })
  yield* Console.log({ ...verdict, ...rest, differences })
  const isWhole = differences.length === 0 && Object.values(verdict).every((count) => count === 0)
  if (!isWhole) return yield* Effect.fail("The verdict has violations")
}).pipe(Effect.scoped)

NodeRuntime.runMain(main)
