import { assert, describe, it } from "@effect/vitest"
import { perform } from "@user-service/security/PasswordEstimate"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import * as PasswordHash from "@user-service/security/PasswordHash"
import { PasswordSettings } from "@user-service/security/PasswordSettings"
import { Effect, Fiber, Layer, Metric, Redacted } from "effect"
import process from "node:process"

const layerWith = (queueSize: number) =>
  PasswordEstimator.layer.pipe(Layer.provide(Layer.succeed(PasswordSettings, { cost: 4, queueSize })))
const layer = layerWith(8)

const guesses = (password: string, words: ReadonlyArray<string> = []) =>
  PasswordEstimator.use((estimator) => estimator.guesses(Redacted.make(password), words))

describe("PasswordEstimator", () => {
  it.layer(layer)((it) => {
    it.effect.each([
      "aaaaaaaa",
      "abcdefgh",
      "        ",
      "Summer2026",
      "Autumn2026",
      "november2026",
      "P@ssw0rd1",
      "drowssap1",
      "1q2w3e4r5t",
      "asdfghjk",
      "hunter2hunter2",
      "abcabcabcabc",
      "2026-11-30"
    ])("%j is found in fewer than a million guesses", (password) =>
      Effect.gen(function* () {
        assert.isBelow(yield* guesses(password), 1_000_000)
      })
    )

    it.effect.each([
      "correct horse",
      "nine quiet otters",
      "blau-käse-7-walks",
      "se\u0301same ouvre-toi",
      "kM3$vQ9z",
      "ведро синих огурцов",
      "an analytical engine weaves patterns"
    ])("%j takes a million guesses or more", (password) =>
      Effect.gen(function* () {
        assert.isAtLeast(yield* guesses(password), 1_000_000)
      })
    )

    it.effect("a long password is estimated by its first 28 characters", () =>
      Effect.gen(function* () {
        assert.isBelow(yield* guesses("ü".repeat(512)), 1_000_000)
        assert.isBelow(yield* guesses(`${"ü".repeat(28)}, nine quiet otters`), 1_000_000)
        assert.isAtLeast(yield* guesses(`nine quiet otters${"ü".repeat(503)}`), 1_000_000)
      })
    )

    it.effect("the attributes of the owner are guessed first, also in other spellings", () =>
      Effect.gen(function* () {
        for (const password of ["quillfeather", "Qu1llf3ather", "rehtaeflliuq", "quillfeather2026"]) {
          assert.isAtLeast(yield* guesses(password), 1_000_000, password)
        }
        for (const password of ["quillfeather", "Qu1llf3ather", "rehtaeflliuq", "quillfeather2026"]) {
          assert.isBelow(yield* guesses(password, ["quillfeather"]), 1_000_000, password)
        }
      })
    )

    it.effect("the composed and the decomposed form of a password have the same estimate", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* guesses("se\u0301same ouvre-toi"), yield* guesses("s\u00e9same ouvre-toi"))
      })
    )

    // The names that every JavaScript object answers to.
    it.effect.each(["constructor", "my constructor purple 7", "__proto__", "9b__proto__x7 hasOwnProperty"])(
      "%j is estimated like any other password",
      (password) =>
        Effect.gen(function* () {
          assert.isAbove(yield* guesses(password, ["constructor", "__proto__"]), 0)
          assert.isAbove(yield* guesses(password, ["a name of many letters"]), 0)
        })
    )
  })

  it.effect("with a full queue an estimate is refused with a time to retry, and counted", () =>
    Effect.gen(function* () {
      const accepted = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(guesses("nine quiet otters"), { startImmediately: true })
      )
      const error = yield* Effect.flip(guesses("nine quiet otters"))
      assert.deepStrictEqual([error._tag, error.what], ["ServiceUnavailable", "password estimation"])
      assert.isAtLeast(error.retryAfterSeconds, 1)
      yield* Fiber.joinAll(accepted)
      yield* guesses("nine quiet otters")
      const measured = yield* Metric.snapshot
      const stateOf = (id: string) => measured.find((metric) => metric.id === id)?.state
      assert.deepInclude(stateOf("password_estimates_refused_total"), { count: 1 })
      assert.deepInclude(stateOf("password_estimate_duration_seconds"), { count: 3 })
    }).pipe(Effect.provide(layerWith(1)), Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})

// Each is made to be slow: in its repetitions, in the readings of its signs as letters, in the dates and sequences it may hold.
const patterns = {
  "one letter": "a",
  "two letters": "ab",
  "one sign": "@",
  "one digit": "1",
  "readings of one sign": "1l!|",
  "readings of all signs": "4@8({[</369&#!1/|0$5+7%2/",
  "a word in signs": "p4$$w0rd",
  "letters and signs": "a4@8b",
  alphabet: "abcdefghijklmnopqrstuvwxyz",
  keyboard: "qwertyuiop",
  dates: "11091991",
  words: "passwordletmein",
  "signs, dates and sequences": "8@388@2$gl|152b!a+3b2-4e1!gi!+/slo%%$@5t@370$t@+a$.s+il020%.atl7$5ss.!g-",
  "no pattern": Array.from({ length: 1024 }, (_, i) =>
    String.fromCharCode(33 + ((i * 7919 + ((i * i) % 61)) % 90))
  ).join("")
}

// The fastest of several turns: the time of other processes does not count, but they make this one slower where they share caches. Each turn
// has several runs, since systems count this time in steps of some milliseconds.
const processorTimeOf = (run: () => unknown): number =>
  Math.min(
    ...Array.from({ length: 3 }, () => {
      const start = process.threadCpuUsage()
      for (let time = 0; time < 6; time++) run()
      return process.threadCpuUsage(start).user
    })
  )

describe("the time of an estimate", () => {
  it("is below a quarter of the time of a hash for the longest passwords of every kind", () => {
    const words = Array.from({ length: 64 }, (_, index) => `word number ${index}`)
    for (let time = 0; time < 10; time++) perform({ password: "nine quiet otters", words })
    // Each cost is twice the one below. On some machines the slowest estimates take half of this, on others a quarter, because the
    // estimate is JavaScript and the hash is not.
    const quarter = processorTimeOf(() => PasswordHash.hash("nine quiet otters", 12 - 2))
    for (const [name, pattern] of Object.entries(patterns)) {
      const password = pattern.repeat(Math.ceil(1024 / pattern.length)).slice(0, 1024)
      assert.isBelow(
        processorTimeOf(() => perform({ password, words })),
        quarter,
        name
      )
    }
  })
})
