import { assert, describe, it } from "@effect/vitest"
import { CredentialRefusals, type CredentialRefusal } from "@user-service/telemetry/CredentialRefusals"
import { Effect, Layer, Logger, type LogLevel, Metric } from "effect"
import { TestClock } from "effect/testing"

/** What is logged while the effect runs, as level, message and fields. */
const linesOf = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const lines: Array<readonly [LogLevel.LogLevel, ReadonlyArray<unknown>]> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push([logLevel, Array.isArray(message) ? message : [message]])
  })
  yield* Effect.provide(effect, Logger.layer([logger]))
  return lines
})

const record = (refusal: CredentialRefusal) => CredentialRefusals.use((refusals) => refusals.record(refusal))

const token: CredentialRefusal = { event: "access_token_refused", reason: "bad_signature", ip: "192.0.2.1" }
const login: CredentialRefusal = { event: "login_refused", reason: "wrong_password", ip: "192.0.2.2", userId: "an-id" }

/** The counts by event and reason. */
const counts = Effect.map(Metric.snapshot, (metrics) =>
  metrics.flatMap((metric) =>
    metric.id === "auth_refusals_total" && metric.type === "Counter"
      ? [`${metric.attributes?.["event"]} ${metric.attributes?.["reason"]} ${metric.state.count}`]
      : []
  )
)

const layer = Layer.provideMerge(
  CredentialRefusals.layer,
  Layer.sync(Metric.MetricRegistry, () => new Map())
)

describe("a refused credential", () => {
  it.effect("is logged at warn with event, reason, account and address, and is counted", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* linesOf(record(login)), [
        [
          "Warn",
          [
            "A credential was refused",
            { event: "login_refused", reason: "wrong_password", user_id: "an-id", service: undefined, ip: "192.0.2.2" }
          ]
        ]
      ])
      assert.deepStrictEqual(yield* counts, ["refresh_token_refused reused 0", "login_refused wrong_password 1"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("is only counted after a thousand of its event in ten seconds, which one line reports", () =>
    Effect.gen(function* () {
      const flood = yield* linesOf(Effect.forEach(Array.from({ length: 5000 }), () => record(token), { discard: true }))
      assert.lengthOf(flood, 1001)
      assert.deepStrictEqual(flood.at(-1), [
        "Warn",
        ["Refused credentials of this event are only counted for the next seconds", { event: "access_token_refused" }]
      ])
      // One of another event still has its line.
      assert.lengthOf(yield* linesOf(record(login)), 1)
      yield* TestClock.adjust("9999 millis")
      assert.lengthOf(yield* linesOf(record(token)), 0)
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(yield* linesOf(record(token)), 1)
      assert.include(yield* counts, "access_token_refused bad_signature 5002")
    }).pipe(Effect.provide(layer))
  )
})
