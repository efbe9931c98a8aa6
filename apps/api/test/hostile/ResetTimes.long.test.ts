import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { handleResetRequests } from "../recovery/Mails.ts"
import { freshEmail, layerEmbedded, TestApi } from "../TestApi.ts"

const pairs = 500

/** The probability that one of `some` is above one of `others`: the area under the ROC curve of a guess by the time alone. */
const areaUnderCurve = (some: ReadonlyArray<number>, others: ReadonlyArray<number>): number => {
  const wins = some.reduce((sum, a) => sum + others.reduce((won, b) => won + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0)
  return wins / (some.length * others.length)
}

const timeOf = Effect.fnUntraced(function* (email: string) {
  const { send } = yield* TestApi
  const started = performance.now()
  const { status } = yield* send("POST", "/api/v1/users/password-reset/", { body: { email } })
  assert.strictEqual(status, 202)
  return performance.now() - started
})

describe("the time of the answer to a request for a password reset", { timeout: 600_000 }, () => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("is the same for known and unknown addresses", () =>
      Effect.gen(function* () {
        const { person } = yield* TestApi
        const people = yield* Effect.replicateEffect(person(), 20)
        const times: Record<"known" | "unknown", Array<number>> = { known: [], unknown: [] }
        // The first requests compile the code.
        for (let round = 0; round < 50; round++) yield* timeOf(freshEmail())
        for (let round = 0; round < pairs; round++) {
          const known = Effect.map(timeOf(people[round % people.length]?.email ?? ""), (time) => times.known.push(time))
          const unknown = Effect.map(timeOf(freshEmail()), (time) => times.unknown.push(time))
          yield* Effect.all(Math.random() < 0.5 ? [known, unknown] : [unknown, known])
          if (round % 50 === 0) yield* handleResetRequests
        }
        const area = areaUnderCurve(times.known, times.unknown)
        assert.isTrue(area > 0.4 && area < 0.6, `AUC ${area}`)
      })
    )
  })
})
