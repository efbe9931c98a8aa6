import { assert, describe, it } from "@effect/vitest"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type Patience, Resilience } from "../src/Resilience.ts"
import { Unreachable } from "../src/Unreachable.ts"

const busy = Effect.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 0 }))

const persistWith = (patience: Patience) =>
  Effect.map(Layer.build(Resilience.layer(patience)), (context) => Context.get(context, Resilience).persist)

const reasonOf = (exit: Exit.Exit<unknown, { readonly _tag: string; readonly reason?: string }> | undefined) =>
  exit === undefined ? "none yet" : Exit.isFailure(exit) ? JSON.stringify(exit.cause) : "success"

describe("the deadline", () => {
  it.effect("ends the wait before another try", () =>
    Effect.gen(function* () {
      const persist = yield* persistWith({ deadline: "30 millis" })
      let tries = 0
      const fiber = yield* Effect.forkChild(persist(Effect.suspend(() => (tries++, busy))), { startImmediately: true })
      yield* TestClock.adjust("29 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.include(reasonOf(fiber.pollUnsafe()), "none within 30ms")
      assert.strictEqual(tries, 1)
    })
  )

  it.effect("leaves another try no more than is left of it", () =>
    Effect.gen(function* () {
      const persist = yield* persistWith({ timeout: "100 millis", deadline: "220 millis" })
      let tries = 0
      const timedOut = Effect.fail(new Unreachable({ reason: "timeout", detail: "none within 100ms" }))
      const call = Effect.suspend(() => (tries++, Effect.delay(timedOut, "100 millis")))
      const fiber = yield* Effect.forkChild(persist(call), { startImmediately: true })
      // 100 for the first, from 40 to 60 of waiting, and what is left for the second.
      yield* TestClock.adjust("161 millis")
      assert.strictEqual(tries, 2)
      yield* TestClock.adjust("58 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.include(reasonOf(fiber.pollUnsafe()), "none within 220ms")
    })
  )

  it.effect("that cuts a try short is no failure of the service's", () =>
    Effect.gen(function* () {
      const persist = yield* persistWith({ timeout: "1 second", deadline: "10 millis", failuresToOpen: 1 })
      const fiber = yield* Effect.forkChild(persist(Effect.never), { startImmediately: true })
      yield* TestClock.adjust("10 millis")
      yield* Fiber.await(fiber)
      assert.strictEqual(yield* persist(Effect.succeed("asked")), "asked")
    })
  )
})

describe("failures in a row", () => {
  it.effect("are counted anew after an answer, one to a call that was under way among them", () =>
    Effect.gen(function* () {
      const persist = yield* persistWith({ retries: 0, failuresToOpen: 2 })
      const answered = yield* Deferred.make<string>()
      const underWay = yield* Effect.forkChild(persist(Deferred.await(answered)), { startImmediately: true })
      yield* Effect.flip(persist(busy))
      yield* Deferred.succeed(answered, "answer")
      yield* Fiber.join(underWay)
      yield* Effect.flip(persist(busy))
      assert.strictEqual(yield* persist(Effect.succeed("asked")), "asked")
      yield* Effect.flip(persist(busy))
      yield* Effect.flip(persist(busy))
      assert.strictEqual((yield* Effect.flip(persist(Effect.succeed("not asked"))))._tag, "Unreachable")
    })
  )

  it.effect("are those of calls that are made at once too", () =>
    Effect.gen(function* () {
      const persist = yield* persistWith({ retries: 0, failuresToOpen: 2 })
      const failed = yield* Deferred.make<never, ServiceUnavailable>()
      const both = yield* Effect.forkChild(
        Effect.all(
          [1, 2].map(() => Effect.flip(persist(Deferred.await(failed)))),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      yield* Deferred.failCause(failed, Cause.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 0 })))
      yield* Fiber.join(both)
      assert.strictEqual((yield* Effect.flip(persist(Effect.succeed("not asked"))))._tag, "Unreachable")
    })
  )
})
