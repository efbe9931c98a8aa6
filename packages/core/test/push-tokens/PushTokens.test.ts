import { assert, describe, it } from "@effect/vitest"
import { Changes } from "@user-service/core/changes/Changes"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { type Registration, Registrations, untilLocked } from "@user-service/core/push-tokens/Registrations"
import { DeviceToken, Platform, TokenType } from "@user-service/domain/PushToken"
import { Duration, Effect, Option, Random } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { layer, register } from "../TestCore.ts"

const users = 3

/** Who registers what, so that tokens and devices meet again: with themselves, with each other, and with the limit. */
const makeStep = (below: (limit: number) => number) => {
  const sometimes = <A>(value: () => A): A | undefined => (below(6) === 0 ? value() : undefined)
  const one = <A>(values: ReadonlyArray<A>): A => values[below(values.length)] as A
  const device = sometimes(() => ["", "one", "two"][below(3)])
  const type = sometimes(() => one(TokenType.literals))
  const isActive = sometimes(() => below(3) > 0)
  const name = sometimes(() => `name ${below(9)}`)
  return {
    user: below(1 + below(users)),
    token: `token ${below(below(2) === 0 ? 200 : 40)}`,
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
  registration: Registration
) => Effect.Effect<{ readonly isNew: boolean }, unknown>

/** People of their own, whose tokens nobody else has; what became of them is told without their ids. */
const makeWorld = Effect.fnUntraced(function* (name: string, registerToken: Register) {
  const sql = yield* SqlClient.SqlClient
  const people = yield* Effect.replicateEffect(register, users)
  const indexOf = (id: unknown) => people.findIndex(({ userId }) => userId === id)
  const bare = (token: unknown) => String(token).replace(`${name} `, "")

  const step = ({ fields, platform, token, user }: Step) =>
    Effect.gen(function* () {
      const owner = people[user]
      if (owner === undefined) return yield* Effect.die("There is nobody of that number")
      const registration = { token: DeviceToken.make(`${name} ${token}`), platform, ...fields }
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
          untilLocked((holder) =>
            changes.change(
              [owner.userId, ...Option.toArray(holder)],
              Effect.fnUntraced(function* (locked) {
                const lockedIds = Effect.map(locked, (found) => found.map(({ id }) => id))
                const { events, isNew, token } = yield* registrations.register(owner, registration, lockedIds)
                return {
                  result: { isNew },
                  events,
                  audit: [{ userId: owner.userId, action: "push_token.registered", details: { tokenId: token.id } }]
                }
              })
            )
          )
        const usual = yield* makeWorld("usual", pushTokens.register)
        const model = yield* makeWorld("model", inTransaction)
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
