import { assert, describe, it } from "@effect/vitest"
import { Passwords } from "@user-service/core/accounts/Passwords"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { Context, DateTime, Effect, Exit, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import { olderHash } from "../TestCore.ts"

const password = Redacted.make("correct horse")
const bcryptHash = `bcrypt_sha256$$2b$04$${"a".repeat(53)}`

interface Check {
  readonly stored: string
  readonly schemes: ReadonlyArray<string>
}

/** Which hashes passwords were really checked against, and what other schemes there were said to be. */
class Checks extends Context.Service<Checks, Array<Check>>()(
  "@user-service/core/test/accounts/Passwords.test/Checks"
) {}

const ObservedHasher = Layer.effect(
  PasswordHasher,
  Effect.gen(function* () {
    const checks = yield* Checks
    const hasher = yield* PasswordHasher
    return {
      ...hasher,
      verify: (password, stored, schemes) =>
        Effect.suspend(() => {
          checks.push({ stored, schemes })
          return hasher.verify(password, stored, schemes)
        })
    }
  })
).pipe(Layer.provide(PasswordHasher.layerTest))

const layer = Layer.fresh(
  Passwords.layer.pipe(
    Layer.provide([Storage.layer, ObservedHasher]),
    Layer.provideMerge([Layer.sync(Checks, () => []), TestDatabase.layerPgLite])
  )
)

const insertUser = Effect.fnUntraced(function* (hash: string) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  const now = DateTime.toDate(yield* DateTime.now)
  yield* sql`
    insert into users ${sql.insert({
      id,
      email: `${id}@example.com`,
      username: id,
      password_hash: hash,
      created_at: now,
      updated_at: now
    })}`
})

const verify = (stored: Option.Option<string>) =>
  Passwords.use((passwords) => Effect.map(passwords.verify(password, stored), ({ matches }) => matches))

const lastSchemes = Effect.map(Checks, (checks) => checks.at(-1)?.schemes.toSorted())

describe("Passwords", () => {
  it.layer(layer)("without any account", (it) => {
    it.effect("an unknown account costs the check of a hash of the current scheme, and never matches", () =>
      Effect.gen(function* () {
        const checks = yield* Checks
        assert.isFalse(yield* verify(Option.none()))
        assert.lengthOf(checks, 1)
        assert.match(checks[0]?.stored ?? "", /^bcrypt_sha256\$\$2b\$04\$/)
        assert.deepStrictEqual(checks[0]?.schemes, [])
      })
    )
  })

  it.layer(layer)("with stored hashes of several schemes", (it) => {
    it.effect("a check considers each stored scheme and cost once, and looks them up again every minute", () =>
      Effect.gen(function* () {
        const theirs = olderHash(password, 7)
        const others = [theirs, olderHash(password, 7), olderHash(password, 600), bcryptHash, "!", "", "plain"]
        for (const hash of others) yield* insertUser(hash)
        const known = ["bcrypt_sha256$$2b$04", "pbkdf2_sha256$600", "pbkdf2_sha256$7"]
        assert.isTrue(yield* verify(Option.some(theirs)))
        assert.deepStrictEqual(yield* lastSchemes, known)

        yield* insertUser(`bcrypt$$2a$06$${"a".repeat(53)}`)
        yield* TestClock.adjust("59 seconds")
        yield* verify(Option.none())
        assert.deepStrictEqual(yield* lastSchemes, known)
        yield* TestClock.adjust("1 second")
        yield* verify(Option.none())
        assert.deepStrictEqual(yield* lastSchemes, ["bcrypt$$2a$06", ...known])
      })
    )
  })

  it.layer(layer)((it) => {
    it.effect("a check fails while the schemes cannot be looked up, and succeeds afterwards", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`alter table users rename to elsewhere`
        assert.isTrue(Exit.isFailure(yield* Effect.exit(verify(Option.none()))))
        yield* sql`alter table elsewhere rename to users`
        assert.isFalse(yield* verify(Option.none()))
      })
    )

    it.effect("a malformed hash matches no password, after the work of a check", () =>
      Effect.gen(function* () {
        const checks = yield* Checks
        const before = checks.length
        for (const unusable of ["!", "", "plain"]) assert.isFalse(yield* verify(Option.some(unusable)))
        assert.deepStrictEqual(
          checks.slice(before).map(({ stored }) => stored),
          ["!", "", "plain"]
        )
      })
    )

    it.effect("a hash of an older scheme is renewed, and one of the current scheme is not", () =>
      Effect.gen(function* () {
        const { hash, renew } = yield* Passwords
        const renewed = yield* renew(password, olderHash(password, 7))
        assert.isTrue(yield* verify(renewed))
        assert.deepStrictEqual(yield* renew(password, yield* hash(password)), Option.none())
      })
    )
  })
})
