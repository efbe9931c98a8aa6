import { assert, describe, it } from "@effect/vitest"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { Duration, Effect, Layer, Option, Redacted } from "effect"
import { freshEmail, layer, password, register, registerWith, tagOf } from "../TestCore.ts"

/** How many hold a place among the hashes, and how many did when each estimate began and ended. */
const seen = { places: 0, during: new Array<number>() }

const estimates = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = seen.during.length
    yield* effect
    return (seen.during.length - before) / 2
  })

const hasher = Layer.effect(
  PasswordHasher,
  Effect.map(PasswordHasher, (inner) => ({
    ...inner,
    withPlace: (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => seen.places++),
        () => effect,
        () => Effect.sync(() => seen.places--)
      )
  }))
).pipe(Layer.provide(PasswordHasher.layerTest))

const estimator = Layer.effect(
  PasswordEstimator,
  Effect.map(PasswordEstimator, ({ guesses }) => {
    const note = Effect.sync(() => seen.during.push(seen.places))
    return {
      guesses: (password, words) => Effect.ensuring(Effect.andThen(note, guesses(password, words)), note)
    }
  })
).pipe(Layer.provide(PasswordEstimator.layer))

const limit = (name: string) => Option.some({ name, limit: 3, window: Duration.hours(1) })
const settings = {
  hasher,
  estimator,
  limits: { register: limit("register"), changePassword: limit("change-password") }
}

const weak = Redacted.make("Summer2026")

describe("the estimate of a new password", () => {
  it.layer(layer(settings))("at a registration", (it) => {
    it.effect("occupies no place in the hash queue, and a rejected password does not count as an attempt", () =>
      Effect.gen(function* () {
        assert.strictEqual(
          yield* estimates(
            Effect.gen(function* () {
              for (let time = 0; time < 5; time++) {
                assert.strictEqual(yield* tagOf(registerWith(freshEmail(), weak)), "PasswordRejected")
              }
              for (let time = 0; time < 3; time++) yield* registerWith(freshEmail(), password)
            })
          ),
          8
        )
        assert.deepStrictEqual(new Set(seen.during), new Set([0]))
      })
    )

    it.effect("is not made for a client beyond the limit", () =>
      Effect.gen(function* () {
        assert.strictEqual(
          yield* estimates(
            Effect.gen(function* () {
              assert.strictEqual(yield* tagOf(registerWith(freshEmail(), password)), "RateLimited")
              assert.strictEqual(yield* tagOf(registerWith(freshEmail(), weak)), "RateLimited")
            })
          ),
          0
        )
      })
    )
  })

  it.layer(layer(settings))("at a password change", (it) => {
    it.effect("occupies no place in the hash queue, and is not made for a user beyond the limit", () =>
      Effect.gen(function* () {
        const { sessionId, userId } = yield* register
        const change = (old: Redacted.Redacted<string>) =>
          PasswordChanges.use(({ change }) => change({ userId, sessionId }, { old, new: weak }))
        seen.during.length = 0
        const made = estimates(
          Effect.gen(function* () {
            for (let time = 0; time < 3; time++) assert.strictEqual(yield* tagOf(change(password)), "PasswordRejected")
            assert.strictEqual(yield* tagOf(change(password)), "RateLimited")
          })
        )
        assert.strictEqual(yield* made, 3)
        assert.deepStrictEqual(new Set(seen.during), new Set([0]))
      })
    )
  })
})
