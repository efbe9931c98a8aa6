import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as KillRun from "./KillRun.ts"

/** The long run: a while, and all of two cores. Ends with 1 unless nothing was lost and nothing doubled. */
const main = Effect.gen(function* () {
  const { verdict, ...rest } = yield* KillRun.run({
    statuses: 20_000,
    changes: 20_000,
    largeOnes: 5,
    workers: 3,
    kills: 20,
    rabbitmqAt: [3, 9, 15],
    postgresAt: [6, 12, 18],
    log: Console.log
  })
  yield* Console.log({ ...verdict, ...rest })
  if (Object.values(verdict).some((count) => count !== 0)) return yield* Effect.fail("Not all is as it must be")
}).pipe(Effect.scoped)

NodeRuntime.runMain(main)
