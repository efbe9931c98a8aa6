import { assert, describe, it } from "@effect/vitest"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { SessionId } from "@user-service/domain/Session"
import { UserId } from "@user-service/domain/User"
import { Keys } from "@user-service/security/Keys"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import * as PasswordHash from "@user-service/security/PasswordHash"
import { PasswordSettings } from "@user-service/security/PasswordSettings"
import { suite } from "@user-service/security/testing/PasswordHasherSuite"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Clock, ConfigProvider, Duration, Effect, Fiber, Layer, Metric, Redacted } from "effect"

const hasher = (settings: PasswordSettings["Service"]) =>
  PasswordHasher.layer.pipe(Layer.provide(Layer.succeed(PasswordSettings, settings)))

suite("layerTest", PasswordHasher.layerTest)
suite("layer", hasher({ cost: 4, queueSize: 64, threads: 2 }))

const password = Redacted.make("correct horse")

/** A hash of the scheme that the password is not the one of. */
const decoyOf = (scheme: string) => PasswordHash.decoy(PasswordHash.workOf(scheme, 4))

// As Django's hashers encode a password (django/contrib/auth/hashers.py).
describe("a hash of another service", () => {
  const bcrypt = "$2b$12$N9qo8uLOickgx2ZMRZoMyeS1jY/8/aqMQQLiPx2ybHRZ4rETRMhOW"
  const key = `${"A".repeat(43)}=`

  it.each([`pbkdf2_sha256$1000000$salt$${key}`, `bcrypt$${bcrypt}`, `bcrypt_sha256$${bcrypt}`])(
    "can be checked if it is %s",
    (stored) => {
      assert.isTrue(PasswordHash.isCheckable(stored))
    }
  )

  it.each([
    "",
    "!unusable",
    "plain text",
    `pbkdf2_sha1$260000$salt$${"A".repeat(27)}=`,
    "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
    `scrypt$16384$salt$8$5$${key}`,
    "md5$salt$5d41402abc4b2a76b9719d911017c592",
    "5d41402abc4b2a76b9719d911017c592",
    // Malformed, or more work than any real hash.
    "pbkdf2_sha256$260000$c2FsdHNhbHQ$Zm9vYmFyYmF6",
    `pbkdf2_sha256$0$salt$${key}`,
    `pbkdf2_sha256$99999999$salt$${key}`,
    `pbkdf2_sha256$260000$$${key}`,
    "bcrypt$$2b$12$short",
    `bcrypt_sha256$${bcrypt.replace("$12$", "$31$")}`
  ])("cannot be checked if it is '%s'", (stored) => {
    assert.isFalse(PasswordHash.isCheckable(stored))
  })
})

describe("layer", () => {
  it.effect("with a full queue a hash is refused with a time to retry", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const accepted = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(hasher.hash(password), { startImmediately: true })
      )
      const error = yield* Effect.flip(hasher.verify(password, "!", []))
      assert.strictEqual(error._tag, "ServiceUnavailable")
      assert.deepStrictEqual([error.what, error.retryAfterSeconds], ["password hashing", 1])
      yield* Fiber.joinAll(accepted)
    }).pipe(Effect.provide(hasher({ cost: 6, queueSize: 1, threads: 1 })))
  )

  it.effect("with a place in the queue every hash is made, and without one the effect does not begin", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const begun: Array<string> = []
      const twice = (name: string) =>
        hasher.withPlace(
          Effect.suspend(() => {
            begun.push(name)
            return Effect.all([hasher.hash(password), hasher.hash(password)], { concurrency: 2 })
          })
        )
      const accepted = yield* Effect.forEach(["first", "second"], (name) =>
        Effect.forkChild(twice(name), { startImmediately: true })
      )
      assert.strictEqual((yield* Effect.flip(twice("third"))).what, "password hashing")
      yield* Fiber.interrupt(yield* Effect.fromNullishOr(accepted[1]))
      yield* twice("fourth")
      yield* Fiber.await(yield* Effect.fromNullishOr(accepted[0]))
      yield* Effect.all([twice("fifth"), twice("sixth")], { concurrency: 2 })
      assert.deepStrictEqual(begun, ["first", "second", "fourth", "fifth", "sixth"])
    }).pipe(Effect.provide(hasher({ cost: 6, queueSize: 1, threads: 1 })))
  )

  it.effect("the time to retry grows with the queue", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      yield* hasher.hash(password)
      yield* Effect.forEach(Array.from({ length: 65 }), () =>
        Effect.forkChild(hasher.hash(password), { startImmediately: true })
      )
      const { retryAfterSeconds } = yield* Effect.flip(hasher.hash(password))
      assert.isAbove(retryAfterSeconds, 3)
    }).pipe(Effect.provide(hasher({ cost: 10, queueSize: 64, threads: 1 })))
  )

  it.effect("hashes are counted by operation and timed, and the length of the queue is measured", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const stored = yield* hasher.hash(password)
      yield* hasher.verify(password, stored, [])
      yield* hasher.verify(password, "!", [])
      const measured = yield* Metric.snapshot
      const states = measured.map(({ attributes, id, state }) => [id, attributes?.["operation"], state] as const)
      const of = (id: string, operation?: string) =>
        states.find((entry) => entry[0] === id && entry[1] === operation)?.[2]
      assert.deepInclude(of("password_hashes_total", "hash"), { count: 1 })
      assert.deepInclude(of("password_hashes_total", "verify"), { count: 2 })
      assert.deepInclude(of("password_hash_duration_seconds"), { count: 3 })
      assert.deepInclude(of("password_hash_queue_depth"), { value: 0 })
    }).pipe(
      Effect.provide(hasher({ cost: 4, queueSize: 8, threads: 1 })),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

  it.effect("the remaining time of a refusal is the difference to the slowest scheme", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const [own, older, slow] = ["bcrypt_sha256$$2b$04", "pbkdf2_sha256$2000", "bcrypt$$2b$09"] as const
      const schemes = [own, older, slow]
      const remaining = (scheme: string, besides: ReadonlyArray<string> = schemes, given = password) =>
        Effect.map(hasher.verify(given, decoyOf(scheme), besides), ({ remaining }) => Duration.toMillis(remaining))
      // The checks are made by turns, and the median of the differences counts: another process may hold up any check, and
      // with it what the later ones are expected to take.
      const medianDifference = Effect.fnUntraced(function* (
        longer: Effect.Effect<number, ServiceUnavailable>,
        shorter: Effect.Effect<number, ServiceUnavailable>
      ) {
        const differences = yield* Effect.forEach(Array.from({ length: 9 }), () =>
          Effect.zipWith(longer, shorter, (one, other) => one - other)
        )
        return differences.toSorted((a, b) => a - b)[4] ?? Number.NaN
      })
      for (const quick of [own, older]) {
        assert.isAbove(yield* medianDifference(remaining(quick), remaining(slow)), 0)
      }
      assert.isAbove(yield* medianDifference(remaining(own), remaining(own, [])), 0)
      // A password that is tried in two spellings takes twice as long.
      const twoSpellings = Redacted.make("cafe\u0301")
      assert.isAbove(yield* medianDifference(remaining(own, schemes, twoSpellings), remaining(own)), 0)
    }).pipe(Effect.provide(hasher({ cost: 4, queueSize: 8, threads: 1 })))
  )

  it.live("tokens are verified without delay while passwords are hashed", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const signer = yield* TokenSigner
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const tokens = yield* Effect.forEach(Array.from({ length: 200 }).keys(), (index) =>
        signer.sign({
          userId: UserId.make("01890a5d-ac96-774b-bcce-b302099a8057"),
          sessionId: SessionId.make("01890a5d-ac96-774b-bcce-b302099a8058"),
          tokenId: `a-token-id-of-its-own-${index}`,
          tokenType: "access",
          issuedAt: now,
          expiresAt: now + 60
        })
      )
      const order: Array<"hashed" | "checked"> = []
      const hashing = yield* Effect.forEach(Array.from({ length: 8 }), () =>
        Effect.forkChild(
          Effect.tap(hasher.hash(password), () => Effect.sync(() => order.push("hashed"))),
          {
            startImmediately: true
          }
        )
      )
      yield* Effect.forEach(tokens, (token) => signer.verify("access", token))
      order.push("checked")
      yield* Fiber.joinAll(hashing)
      // One at a time, each unseen: behind 8 hashes of 230 ms on the same threads not ten would be through.
      assert.isBelow(order.indexOf("checked"), 8)
    }).pipe(
      Effect.provide([
        hasher({ cost: 12, queueSize: 8, threads: 2 }),
        TokenSigner.layer.pipe(
          Layer.provide([
            Keys.layerMemory,
            Layer.succeed(TokenSettings, { algorithm: "EdDSA", issuer: "user-service", audience: "user-service" })
          ])
        )
      ])
    )
  )
})

describe("config", () => {
  const read = (env: Record<string, string>) => PasswordSettings.config.parse(ConfigProvider.fromUnknown(env))

  it.effect("the defaults are cost 12 and a queue of 64", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), { cost: 12, queueSize: 64 })
      assert.deepStrictEqual(yield* read({ BCRYPT_COST: "10", HASH_QUEUE_SIZE: "8" }), { cost: 10, queueSize: 8 })
    })
  )

  it.effect.each([{ BCRYPT_COST: "9" }, { BCRYPT_COST: "16" }, { BCRYPT_COST: "x" }, { HASH_QUEUE_SIZE: "0" }])(
    "%o is refused",
    (env) =>
      Effect.gen(function* () {
        assert.isTrue(yield* Effect.isFailure(read(env as Record<string, string>)))
      })
  )
})
