import { assert, describe, it } from "@effect/vitest"
import { Logins } from "@user-service/core/accounts/Logins"
import { CurrentOrigin } from "@user-service/core/Origin"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import { Email } from "@user-service/domain/Email"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { Duration, Effect, Fiber, Layer, Metric, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { setImmediate } from "node:timers/promises"
import { eventsOf, layer, olderHash, password, register, storedHash, tagOf } from "../TestCore.ts"

const wrong = Redacted.make("not the password")

const login = (email: Email, given = password, ip = "192.0.2.1") =>
  Logins.use((logins) => logins.login({ email, password: given, deviceName: "" })).pipe(
    Effect.provideService(CurrentOrigin, { ip, network: ip, userAgent: "" })
  )

/** How many hashes the effect makes and checks, by operation. */
const hashesOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(Effect.exit(effect), Metric.snapshot).pipe(
    Effect.map((measured) =>
      measured.flatMap((metric) =>
        metric.id === "password_hashes_total" && metric.type === "Counter"
          ? [`${metric.attributes?.["operation"]} ${metric.state.count}`]
          : []
      )
    ),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

describe("a login", () => {
  it.layer(layer())((it) => {
    it.effect("replaces a hash of an older scheme once, and the password stays valid", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        yield* sql`update users set password_hash = ${olderHash(password)} where id = ${userId}`
        yield* login(email)
        const renewed = yield* storedHash(userId)
        assert.match(renewed, /^bcrypt_sha256\$\$2b\$04\$/)
        yield* login(email)
        assert.strictEqual(yield* storedHash(userId), renewed)
        assert.strictEqual(yield* tagOf(login(email, wrong)), "InvalidCredentials")
      })
    )

    it.effect("that fails does not replace an older hash", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        const older = olderHash(password)
        yield* sql`update users set password_hash = ${older} where id = ${userId}`
        assert.strictEqual(yield* tagOf(login(email, wrong)), "InvalidCredentials")
        yield* sql`update users set is_active = false where id = ${userId}`
        assert.strictEqual(yield* tagOf(login(email)), "InvalidCredentials")
        assert.strictEqual(yield* storedHash(userId), older)
      })
    )

    it.effect(
      "with an unknown e-mail, a wrong password or a disabled account fails with the same error and stores nothing",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { email, userId } = yield* register
          yield* sql`update users set is_active = false where id = ${userId}`
          const answers = yield* Effect.all([
            Effect.flip(login(Email.make("nobody@example.com"))),
            Effect.flip(login((yield* register).email, wrong)),
            Effect.flip(login(email))
          ])
          for (const answer of answers) assert.deepStrictEqual(answer, answers[0])
          assert.deepStrictEqual(
            (yield* eventsOf(userId)).map((event) => event._tag),
            ["UserRegistered"]
          )
          assert.lengthOf(yield* sql`select 1 from sessions where user_id = ${userId}`, 1)
        })
    )

    it.effect("that fails checks exactly one hash, whatever the reason", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        assert.deepStrictEqual(yield* hashesOf(login(Email.make("nobody@example.com"))), ["verify 1"])
        assert.deepStrictEqual(yield* hashesOf(login(email, wrong)), ["verify 1"])
        yield* sql`update users set is_active = false where id = ${userId}`
        assert.deepStrictEqual(yield* hashesOf(login(email)), ["verify 1"])
      })
    )
  })

  const threeAnAccount = {
    loginAccount: Option.some({ name: "login-account", limit: 3, window: Duration.minutes(5) })
  }

  it.layer(layer({ limits: threeAnAccount }))("with a limit of three attempts per account", (it) => {
    it.effect("beyond the limit is refused even with the right password", () =>
      Effect.gen(function* () {
        const { email } = yield* register
        for (let time = 0; time < 3; time++) {
          assert.strictEqual(yield* tagOf(login(email, wrong)), "InvalidCredentials")
        }
        assert.strictEqual(yield* tagOf(login(email)), "RateLimited")
      })
    )

    it.effect("that succeeds clears the count of the account", () =>
      Effect.gen(function* () {
        const { email } = yield* register
        yield* login(email)
        for (let round = 0; round < 3; round++) {
          for (let time = 0; time < 2; time++) yield* Effect.flip(login(email, wrong))
          yield* login(email)
        }
      })
    )

    it.effect(
      "from an address of the owner is not refused because of a stranger's attempts, and the stranger's is",
      () =>
        Effect.gen(function* () {
          const { email } = yield* register
          const [home, stranger] = ["192.0.2.10", "203.0.113.1"]
          yield* login(email, password, home)
          for (let time = 0; time < 3; time++) yield* Effect.flip(login(email, wrong, stranger))
          assert.strictEqual(yield* tagOf(login(email, password, stranger)), "RateLimited")
          yield* login(email, password, home)
          // That cleared the owner's count, not the stranger's.
          assert.strictEqual(yield* tagOf(login(email, password, stranger)), "RateLimited")
        })
    )

    it.effect("from an address that was last used more than thirty days ago counts in the bucket of strangers", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        const home = "192.0.2.10"
        yield* login(email, password, home)
        yield* sql`
          update known_networks set last_seen_at = last_seen_at - interval '30 days 1 second'
          where user_id = ${userId}`
        for (let time = 0; time < 3; time++) yield* Effect.flip(login(email, wrong, "203.0.113.1"))
        assert.strictEqual(yield* tagOf(login(email, password, home)), "RateLimited")
      })
    )
  })
})

/** Places among the hashes that were given back. */
const places = { given: 0 }

/** A hasher whose checks are 200 milliseconds quicker than one of the slowest scheme, and that counts the places given back. */
const quickerHasher = Layer.effect(
  PasswordHasher,
  Effect.map(PasswordHasher, (hasher) => ({
    ...hasher,
    verify: (password, stored, schemes) =>
      Effect.map(hasher.verify(password, stored, schemes), ({ matches }) => ({
        matches,
        remaining: Duration.millis(200)
      })),
    withPlace: (effect) =>
      Effect.ensuring(
        effect,
        Effect.sync(() => places.given++)
      )
  }))
).pipe(Layer.provide(PasswordHasher.layerTest))

describe("a refused password", () => {
  it.layer(layer({ hasher: quickerHasher }))((it) => {
    const isHeldBack = Effect.fnUntraced(function* <A, E extends { readonly _tag: string }>(
      attempt: Effect.Effect<A, E, Logins | PasswordChanges>
    ) {
      const { given } = places
      const refused = yield* Effect.forkChild(Effect.flip(attempt))
      // All that does not wait for the clock is done once the place is given back.
      while (refused.pollUnsafe() === undefined && places.given === given) yield* Effect.promise(() => setImmediate())
      yield* TestClock.adjust("199 millis")
      assert.isUndefined(refused.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      return (yield* Fiber.join(refused))._tag
    })

    it.effect(
      "is answered as late as one of the slowest scheme, and occupies no place in the hash queue while it waits",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { email, sessionId, userId } = yield* register
          const changed = PasswordChanges.use(({ change }) =>
            change({ userId, sessionId }, { old: wrong, new: Redacted.make("nine quiet otters") })
          )
          assert.strictEqual(yield* isHeldBack(login(Email.make("nobody@example.com"))), "InvalidCredentials")
          assert.strictEqual(yield* isHeldBack(login(email, wrong)), "InvalidCredentials")
          assert.strictEqual(yield* isHeldBack(changed), "IncorrectPassword")
          yield* sql`update users set is_active = false where id = ${userId}`
          assert.strictEqual(yield* isHeldBack(login(email)), "InvalidCredentials")
        })
    )

    it.effect("does not delay an attempt with the right password", () =>
      Effect.gen(function* () {
        const { email } = yield* register
        yield* login(email)
      })
    )
  })
})
