import { assert, describe, it } from "@effect/vitest"
import { Changes } from "@user-service/core/changes/Changes"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { Registrations, retryLockingHolder } from "@user-service/core/push-tokens/Registrations"
import { DeviceToken, Platform, type PushTokenRegistration, type TokenType } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { DateTime, Duration, Effect, Random } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { createHash, randomBytes, randomUUID } from "node:crypto"
import { layer, register } from "../TestCore.ts"

const users = 3

/** Who registers what, so that tokens and devices meet again: with themselves, with each other, and with the limit. */
const makeStep = (below: (limit: number) => number) => {
  const sometimes = <A>(value: () => A): A | undefined => (below(6) === 0 ? value() : undefined)
  const one = <A>(values: ReadonlyArray<A>): A => values[below(values.length)] as A
  const device = sometimes(() => ["", "one", "two"][below(3)])
  const type = sometimes(() => one(["fcm", "apns"] as const))
  const isActive = sometimes(() => below(3) > 0)
  const name = sometimes(() => `name ${below(9)}`)
  // In hexadecimal, as of either type, and at times in the other spelling that one of them has.
  const token = `a${below(below(2) === 0 ? 200 : 40).toString(16)}`.padEnd(14, "a")
  return {
    user: below(1 + below(users)),
    token: below(8) === 0 ? token.toUpperCase() : token,
    platform: one(Platform.literals),
    fields: {
      ...(device === undefined ? {} : { deviceId: device }),
      ...(type === undefined ? {} : { tokenType: type }),
      ...(isActive === undefined ? {} : { isActive }),
      ...(name === undefined ? {} : { deviceName: name })
    }
  }
}
type Step = ReturnType<typeof makeStep>

type Register = (
  owner: Effect.Success<typeof register>,
  registration: PushTokenRegistration
) => Effect.Effect<{ readonly isNew: boolean }, unknown>

/** People of their own, whose tokens nobody else has; what became of them is told without their ids. */
const makeWorld = Effect.fnUntraced(function* (name: string, registerToken: Register) {
  const sql = yield* SqlClient.SqlClient
  const people = yield* Effect.replicateEffect(register, users)
  const indexOf = (id: unknown) => people.findIndex(({ userId }) => userId === id)
  const bare = (token: unknown) => String(token).slice(name.length)

  const step = ({ fields, platform, token, user }: Step) =>
    Effect.gen(function* () {
      const owner = people[user]
      if (owner === undefined) return yield* Effect.die("There is nobody of that number")
      const registration = { token: DeviceToken.make(`${name}${token}`), platform, ...fields }
      return (yield* registerToken(owner, registration)).isNew
    })

  const state = Effect.gen(function* () {
    const ids = people.map(({ userId }) => userId)
    const tokens = yield* sql`
      select user_id, token, platform, token_type, device_id, device_name, is_active, last_used_at, created_at, updated_at,
        (select count(*)::int from sessions s where s.id = t.session_id and s.user_id = t.user_id) as sessions,
        (select count(*)::int from audit_log a where details->>'tokenId' = t.id::text) as audits
      from push_tokens t where user_id = any(${ids}::uuid[]) order by token`
    const events = yield* sql`
      select user_id, user_version::int, event_type, payload->>'token' as token, payload->>'platform' as platform,
        payload->>'reason' as reason, payload->>'userId' as about, created_at,
        array(select jsonb_object_keys(payload) order by 1) as keys
      from outbox where user_id = any(${ids}::uuid[]) order by position`
    const versions = yield* sql`select id as user_id, version::int from users
      where id = any(${ids}::uuid[]) order by array_position(${ids}::uuid[], id)`
    return [tokens, events, versions].map((rows) =>
      rows.map(({ about, token, user_id, ...row }) => ({
        ...row,
        user: indexOf(user_id),
        about: indexOf(about),
        token: bare(token)
      }))
    )
  })

  return { step, state }
})

describe("PushTokens.register", () => {
  it.layer(layer())((it) => {
    it.effect.each([1, 2])("comes in one statement to what it does in a transaction, from seed %i", (seed) =>
      Effect.gen(function* () {
        const pushTokens = yield* PushTokens
        const changes = yield* Changes
        const registrations = yield* Registrations
        const inTransaction: Register = (owner, registration) =>
          retryLockingHolder((holders) =>
            changes.changeLocking(
              [owner.userId, ...holders],
              Effect.gen(function* () {
                const locked = [owner.userId, ...holders]
                const { events, isNew, token } = yield* registrations.register({ owner, registration, locked })
                return {
                  result: { isNew },
                  events,
                  audit: [{ userId: owner.userId, action: "push_token.registered", details: { tokenId: token.id } }]
                }
              })
            )
          )
        const usual = yield* makeWorld("00", pushTokens.register)
        const model = yield* makeWorld("11", inTransaction)
        const random = yield* Random.Random
        const below = (limit: number) => Math.floor(random.nextDoubleUnsafe() * limit)
        for (let steps = 0; steps < 200; steps++) {
          const step = makeStep(below)
          yield* TestClock.adjust(Duration.seconds(1))
          assert.strictEqual(yield* usual.step(step), yield* model.step(step), JSON.stringify(step))
        }
        assert.deepStrictEqual(yield* usual.state, yield* model.state)
      }).pipe(Random.withSeed(seed))
    )
  })
})

const hex = () => randomBytes(32).toString("hex")

const subscriptionOf = (endpoint: string) => ({
  endpoint,
  keys: {
    p256dh: "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYcp7xM",
    auth: "tBHItJI5svbpez7KI4CCXg"
  }
})

/** The rows of the users: whose, which text, of which type, and whether it is live. */
const rowsOf = Effect.fnUntraced(function* (...ids: ReadonlyArray<UserId>) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* sql<{ user_id: UserId; token: string; token_type: string; is_active: boolean; hash: string }>`
    select user_id, token, token_type, is_active, encode(token_sha256, 'hex') as hash from push_tokens
    where user_id = any(${ids}::uuid[]) order by token`
  return found.map(({ hash, is_active, token, token_type, user_id }) => {
    assert.strictEqual(hash, createHash("sha256").update(token).digest("hex"))
    return [ids.indexOf(user_id), token, token_type, is_active] as const
  })
})

const told = Effect.fnUntraced(function* (id: UserId) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* sql<{ type: string; token: string; reason: string | null }>`
    select event_type as type, payload->>'token' as token, payload->>'reason' as reason from outbox
    where user_id = ${id} and event_type like 'PushToken%' order by position`
  return found.map(({ reason, token, type }) => [type, token, reason])
})

/** A row as an earlier version stored it: the token as it was sent. */
const asSent = Effect.fnUntraced(function* (userId: UserId, token: string, tokenType: string, fields = {}) {
  const sql = yield* SqlClient.SqlClient
  const now = DateTime.toDate(yield* DateTime.now)
  yield* sql`insert into push_tokens ${sql.insert({
    id: randomUUID(),
    user_id: userId,
    token,
    token_sha256: new Uint8Array(createHash("sha256").update(token).digest()),
    platform: "ios",
    token_type: tokenType,
    last_used_at: now,
    created_at: now,
    updated_at: now,
    ...fields
  })}`
})

const registerToken = (
  owner: Effect.Success<typeof register>,
  token: string,
  tokenType?: TokenType,
  more: Partial<PushTokenRegistration> = {}
) =>
  PushTokens.use((tokens) =>
    tokens.register(owner, {
      token: DeviceToken.make(token),
      platform: "ios",
      ...(tokenType === undefined ? {} : { tokenType }),
      ...more
    })
  )

describe("a token's spelling", () => {
  it.layer(layer())((it) => {
    it.effect.each([
      ["an APNs token", "apns", () => [hex()].flatMap((a) => [a, a.toUpperCase(), `<${a.match(/.{8}/g)?.join(" ")}>`])],
      ["a OneSignal id", "onesignal", () => [randomUUID()].flatMap((id) => [id, id.toUpperCase()])],
      [
        "a web-push subscription",
        "vapid",
        () =>
          [subscriptionOf(`https://push.example.com/${randomUUID()}`)].flatMap(({ endpoint, keys }) => [
            JSON.stringify({ endpoint, keys }),
            JSON.stringify({ keys: { auth: keys.auth, p256dh: keys.p256dh }, expirationTime: null, endpoint }, null, 2)
          ])
      ]
    ] as const)("%s is one row however it is spelled, registered in any order", ([, type, spell]) =>
      Effect.gen(function* () {
        for (const isReversed of [false, true]) {
          const owner = yield* register
          const spellings = spell()
          const [form = ""] = spellings
          const sent = isReversed ? spellings.toReversed() : spellings
          const registered = yield* Effect.forEach(sent, (token) => registerToken(owner, token, type))
          assert.deepStrictEqual(
            registered.map(({ isNew }) => isNew),
            sent.map((_, index) => index === 0)
          )
          assert.lengthOf(new Set(registered.map(({ token }) => token.id)), 1)
          assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, form, type, true]])
          assert.deepStrictEqual(yield* told(owner.userId), [["PushTokenAdded", form, null]])
        }
      })
    )

    it.effect("identifies the token across users: another spelling moves it", () =>
      Effect.gen(function* () {
        const [before, after] = [yield* register, yield* register]
        const token = hex()
        yield* registerToken(before, token, "apns")
        yield* registerToken(after, token.toUpperCase(), "apns")
        assert.deepStrictEqual(yield* rowsOf(before.userId, after.userId), [[1, token, "apns", true]])
        assert.deepStrictEqual((yield* told(before.userId)).at(-1), ["PushTokenRemoved", token, "transferred"])
      })
    )

    it.effect("that an earlier release stored is replaced by the normal form at the next registration", () =>
      Effect.gen(function* () {
        const [owner, other] = [yield* register, yield* register]
        const token = hex()
        yield* asSent(owner.userId, token.toUpperCase(), "apns")
        yield* registerToken(owner, token.toUpperCase(), "apns")
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, token, "apns", true]])
        yield* asSent(other.userId, token.toUpperCase(), "apns")
        const again = yield* registerToken(owner, token.toUpperCase(), "apns")
        assert.isFalse(again.isNew)
        assert.deepStrictEqual(yield* rowsOf(owner.userId, other.userId), [[0, token, "apns", true]])
        assert.deepStrictEqual(yield* told(owner.userId), [
          ["PushTokenRemoved", token.toUpperCase(), "replaced"],
          ["PushTokenAdded", token, null]
        ])
        assert.deepStrictEqual(yield* told(other.userId), [["PushTokenRemoved", token.toUpperCase(), "transferred"]])
      })
    )

    it.effect("is that of its stored type, if none is given", () =>
      Effect.gen(function* () {
        const owner = yield* register
        const [first, next] = [hex(), hex()]
        yield* registerToken(owner, first, "apns", { deviceId: "phone" })
        yield* registerToken(owner, `<${first.toUpperCase()}>`)
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, first, "apns", true]])
        yield* registerToken(owner, next.toUpperCase(), undefined, { deviceId: "phone" })
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, next, "apns", true]])
        yield* registerToken(owner, "of Firebase".replace(" ", "-"), undefined, { deviceId: "phone" })
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, "of-Firebase", "fcm", true]])
      })
    )

    it.effect("that is invalid for its type is refused, and nothing is stored", () =>
      Effect.gen(function* () {
        const owner = yield* register
        const cases = [
          ["not hex at all", "apns"],
          [`<${hex()}`.slice(0, -1), "apns"],
          ["{}", "vapid"],
          ["player", "onesignal"],
          ["ExponentPushToken", "expo"],
          ["two words", "fcm"],
          ["two words", undefined]
        ] as const
        for (const [token, type] of cases) {
          for (const isActive of [true, false]) {
            const failed = yield* Effect.flip(registerToken(owner, token, type, { isActive }))
            assert.deepInclude(failed, { _tag: "DeviceTokenMalformed", field: "token", tokenType: type ?? "fcm" })
          }
        }
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [])
      })
    )

    it.effect("changes with its type, unless the new form is invalid or taken", () =>
      Effect.gen(function* () {
        const { update } = yield* PushTokens
        const owner = yield* register
        const token = hex()
        const { token: row } = yield* registerToken(owner, token.toUpperCase())
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, token.toUpperCase(), "fcm", true]])
        const malformed = yield* Effect.flip(update(owner.userId, row.id, { tokenType: "expo" }))
        assert.deepInclude(malformed, { _tag: "DeviceTokenMalformed", field: "tokenType", tokenType: "expo" })
        yield* update(owner.userId, row.id, { tokenType: "apns" })
        assert.deepStrictEqual(yield* rowsOf(owner.userId), [[0, token, "apns", true]])
        assert.deepStrictEqual(yield* told(owner.userId), [
          ["PushTokenAdded", token.toUpperCase(), null],
          ["PushTokenRemoved", token.toUpperCase(), "replaced"],
          ["PushTokenAdded", token, null]
        ])
        const other = yield* register
        const id = randomUUID()
        yield* asSent(other.userId, token.toUpperCase(), "fcm", { id, is_active: false })
        const taken = yield* Effect.flip(update(other.userId, id, { tokenType: "apns" }))
        assert.strictEqual(taken._tag, "DeviceTokenTaken")
        assert.deepStrictEqual(yield* rowsOf(other.userId), [[0, token.toUpperCase(), "fcm", false]])
      })
    )
  })
})
