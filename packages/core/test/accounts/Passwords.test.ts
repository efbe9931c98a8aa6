import { assert, describe, it } from "@effect/vitest"
import { AccountsRepo } from "@user-service/core/accounts/AccountsRepo"
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

/** Which hashes passwords were really checked against, each check being as dear as its hash. */
class Checked extends Context.Service<Checked, Array<string>>()(
  "@user-service/core/test/accounts/Passwords.test/Checked"
) {}

const ObservedHasher = Layer.effect(
  PasswordHasher,
  Effect.gen(function* () {
    const checked = yield* Checked
    const hasher = yield* PasswordHasher
    return {
      ...hasher,
      verify: (password, stored) =>
        Effect.suspend(() => {
          checked.push(stored)
          return hasher.verify(password, stored)
        })
    }
  })
).pipe(Layer.provide(PasswordHasher.layerTest))

const layer = Layer.fresh(
  Passwords.layer.pipe(
    Layer.provide([AccountsRepo.layer, Storage.layer, ObservedHasher]),
    Layer.provideMerge([Layer.sync(Checked, () => []), TestDatabase.layerPgLite])
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

const verify = (stored: Option.Option<string>) => Passwords.use((passwords) => passwords.verify(password, stored))

describe("Passwords", () => {
  it.layer(layer)("with no account yet", (it) => {
    it.effect("an unknown account costs a check of a hash of our own scheme, and never matches", () =>
      Effect.gen(function* () {
        const checked = yield* Checked
        assert.isFalse(yield* verify(Option.none()))
        assert.lengthOf(checked, 1)
        assert.match(checked[0] ?? "", /^bcrypt_sha256\$\$2b\$04\$/)
      })
    )
  })

  it.layer(layer)("where most accounts have an older hash", (it) => {
    it.effect("an unknown account costs one check of a hash like theirs, as a known one does, and follows them", () =>
      Effect.gen(function* () {
        const checked = yield* Checked
        const theirs = olderHash(password, 7)
        for (const hash of [theirs, olderHash(password, 7), bcryptHash]) yield* insertUser(hash)
        assert.isTrue(yield* verify(Option.some(theirs)))
        assert.isFalse(yield* verify(Option.none()))
        const [known, unknown, ...more] = checked
        assert.deepStrictEqual(more, [])
        assert.strictEqual(known, theirs)
        assert.match(unknown ?? "", /^pbkdf2_sha256\$7\$/)
        assert.notStrictEqual(unknown, theirs)

        for (let index = 0; index < 10; index++) yield* insertUser(bcryptHash)
        yield* TestClock.adjust("59 minutes")
        yield* verify(Option.none())
        assert.strictEqual(checked.at(-1), unknown)
        yield* TestClock.adjust("2 minutes")
        yield* verify(Option.none())
        assert.match(checked.at(-1) ?? "", /^bcrypt_sha256\$\$2b\$04\$/)
      })
    )
  })

  it.layer(layer)("where most accounts have a dearer hash", (it) => {
    it.effect("an unknown account costs as much as they do", () =>
      Effect.gen(function* () {
        const checked = yield* Checked
        for (const cost of ["06", "04", "06"]) yield* insertUser(bcryptHash.replace("$04$", `$${cost}$`))
        assert.isFalse(yield* verify(Option.none()))
        assert.match(checked[0] ?? "", /^bcrypt_sha256\$\$2b\$06\$/)
      })
    )
  })

  it.layer(layer)((it) => {
    it.effect("a failure to learn what most hashes are like is over with what caused it", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`alter table users rename to elsewhere`
        assert.isTrue(Exit.isFailure(yield* Effect.exit(verify(Option.none()))))
        yield* sql`alter table elsewhere rename to users`
        assert.isFalse(yield* verify(Option.none()))
      })
    )

    it.effect("a hash that is none matches nothing, after a check", () =>
      Effect.gen(function* () {
        const checked = yield* Checked
        const before = checked.length
        for (const unusable of ["!", "", "plain"]) assert.isFalse(yield* verify(Option.some(unusable)))
        assert.deepStrictEqual(checked.slice(before), ["!", "", "plain"])
      })
    )

    it.effect("a hash of an older scheme is renewed, one of ours is not", () =>
      Effect.gen(function* () {
        const { hash, renew, verify } = yield* Passwords
        const renewed = yield* renew(password, olderHash(password, 7))
        assert.isTrue(yield* verify(password, renewed))
        assert.deepStrictEqual(yield* renew(password, yield* hash(password)), Option.none())
      })
    )
  })
})
