import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as KillRun from "./KillRun.ts"

describe.skipIf(!KillRun.canRun)(
  "workers and engines that are killed in the midst of statuses and changes (skipped where there are no servers to start)",
  { timeout: 300_000 },
  () => {
    it.live("nothing is lost, nothing doubled, no event without its row nor row without its event, all in order", () =>
      Effect.gen(function* () {
        const { codes, differences, verdict } = yield* KillRun.run({
          statuses: 2000,
          changes: 1000,
          largeOnes: 1,
          workers: 3,
          kills: 4,
          rabbitmqAt: [1],
          postgresAt: [2],
          log: () => Effect.void
        })
        assert.deepStrictEqual(verdict, {
          lost: 0,
          doubled: 0,
          inversions: 0,
          eventsWithoutRow: 0,
          rowsWithoutEvent: 0,
          left: 0
        })
        assert.deepStrictEqual(differences, [])
        assert.deepStrictEqual(codes, [0, 0, 0])
      })
    )
  }
)
